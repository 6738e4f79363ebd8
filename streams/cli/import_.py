"""`tracker import`: touchpoints from the files of other systems, by a mapping table."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from schemas.touchpoint import Touchpoint
from streams.cli.interrupt import ending_in_order
from streams.cli.options import SummaryAsJson
from streams.cli.paint import Paint
from streams.cli.progress import progress
from streams.errors import ExitCode, UsageError
from streams.events.files import STDIN
from streams.imports.files import format_of, rows
from streams.imports.mapping import load
from streams.imports.run import Import, ImportTally, Notes, Position, Sender, columns
from streams.settings.settings import Settings, read

SHOWN: Final = 3


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSONL, gzipped or not; - for standard input.")],
    *,
    mapping: Annotated[
        Path, typer.Option("--map", metavar="TABLE", help="The mapping table: which columns make which touchpoints.")
    ],
    form: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="csv or jsonl. Left out: by the file's name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, show what would be sent, send and write nothing.")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin at the first row, whatever was imported before.")
    ] = False,
    position: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to record the progress. Left out: FILE.position.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to keep the bad rows. Left out: FILE.rejected.")
    ] = None,
    as_json: SummaryAsJson = False,
) -> int:
    """Import touchpoints from a file, by a mapping table.

    Each row makes one or more touchpoints, which are checked as the workers check them. The same row always makes the
    same event_id, so importing it twice counts once. Ctrl-C stops after the current block. The same command continues
    there, and imports what was added to the file since. Bad rows are kept with line and reason. examples/imports has
    tables for GA4, HubSpot and Zendesk.

    Exit codes: 0 when every row was good, 1 when some were bad.

    Examples:
      tracker import orders.csv --map orders.yaml --dry-run
      tracker import tickets.jsonl.gz --map examples/imports/zendesk-tickets.yaml
      zcat old/*.gz | tracker import - --format jsonl --map orders.yaml --json
    """
    if form not in {None, "csv", "jsonl"}:
        raise UsageError(f"--format: {form!r} is not a format.", "Use csv or jsonl.")
    if form is None and file == STDIN:
        raise UsageError("Standard input has no name that shows its format.", "Add --format csv or --format jsonl.")
    settings = read(os.environ)
    table = load(mapping, settings.kinds)
    notes = None if dry_run or file == STDIN else _notes(file, mapping, position, rejected)
    samples: list[Touchpoint] = []
    with progress("importing", _size(file)) as count, _sender(settings, dry_run=dry_run) as sender:
        source = rows(file, form or format_of(file), columns(table), table.delimiter, count)  # type: ignore[arg-type]
        running = Import(source, table, sender, notes)
        done: Position | None = notes.begin(again=from_start) if notes else None
        with ending_in_order(running.stop):
            tally = running.run(done, lambda each: samples.append(each) if len(samples) < SHOWN else None)
    say(tally, notes, samples if dry_run else [], as_json=as_json, dry_run=dry_run, stopped=running.stopped)
    if running.stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if tally.rejected else ExitCode.OK


def _notes(file: str, mapping: Path, position: Path | None, rejected: Path | None) -> Notes:
    source = Path(file)
    return Notes(
        source,
        mapping.read_bytes(),
        position or source.with_name(source.name + ".position"),
        rejected or source.with_name(source.name + ".rejected"),
    )


def _size(file: str) -> int | None:
    """The bytes to read; None where that is not known before, as for gzip."""
    path = Path(file)
    return path.stat().st_size if path.is_file() and path.suffix != ".gz" else None


@contextmanager
def _sender(settings: Settings, *, dry_run: bool) -> Iterator[Sender | None]:
    if dry_run:
        yield None
        return
    from streams.sdk.producer import connect

    with connect(settings) as producer:
        yield producer


def say(
    tally: ImportTally, notes: Notes | None, samples: list[Touchpoint], *, as_json: bool, dry_run: bool, stopped: bool
) -> None:
    """Print the summary to stdout and what was wrong to stderr."""
    if as_json:
        print(msgspec.json.encode(_data(tally, notes, samples, stopped=stopped)).decode())
        return
    for sample in samples:
        print(msgspec.json.encode(sample).decode())
    before = f" (after {tally.begins_at:,} of earlier runs)" if tally.begins_at else ""
    sent = "" if dry_run else ", all confirmed by Kafka"
    print(f"{tally.rows:,} rows{before}: {tally.touchpoints:,} touchpoints{sent}")
    for name, count in tally.by_type.most_common(12):
        print(f"  {name}  {count:,}")
    if tally.without:
        print(f"  {tally.without:,} rows matched no condition")
    paint = Paint(sys.stderr)
    for example in tally.examples:
        print(paint("yellow", example), file=sys.stderr)
    if tally.rejected:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in tally.rejected.most_common())
        where = f"; they are in {notes.rejected}" if notes else ""
        print(paint("yellow", f"{tally.rejected.total():,} rows were rejected: {counts}{where}."), file=sys.stderr)
    if stopped:
        print("Stopped. Run the same command again to continue here.", file=sys.stderr)


def _data(tally: ImportTally, notes: Notes | None, samples: list[Touchpoint], *, stopped: bool) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "begins_at": tally.begins_at,
        "touchpoints": tally.touchpoints,
        "by_type": dict(tally.by_type),
        "without": tally.without,
        "rejected": dict(tally.rejected),
        "examples": tally.examples,
        "rejected_file": str(notes.rejected) if notes and tally.rejected else None,
        "stopped": stopped,
        "samples": samples,
    }
