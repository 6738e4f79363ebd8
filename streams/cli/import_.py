"""`tracker import`: touchpoints from the files of other systems, by a mapping table."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from schemas.touchpoint import Touchpoint
from streams.cli.event_input import span_of
from streams.cli.import_output import Said, as_data, say
from streams.cli.interrupt import ending_in_order
from streams.cli.options import Since, SourceName, SummaryAsJson, Until, require_apart
from streams.cli.progress import progress
from streams.errors import ExitCode, UsageError
from streams.events.files import STDIN
from streams.imports.files import format_of, rows
from streams.imports.joins import Joins
from streams.imports.mapping import load
from streams.imports.run import Import, Notes, Position, Sender
from streams.imports.to_file import opened, shown
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
    source: SourceName = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Send nothing: show what would be sent, three touchpoints on a terminal and all to a pipe or file.",
        ),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the touchpoints to this file, for replays, in place of Kafka."),
    ] = None,
    since: Since = None,
    until: Until = None,
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
    tables for shops, help desks, CRMs, newsletters and analytics.

    Exit codes: 0 when every row was good, 1 when some were bad.

    Examples:
      tracker import orders.csv --map orders.yaml --dry-run
      tracker import tickets.jsonl.gz --map examples/imports/zendesk-tickets.yaml --source desk
      tracker import orders.csv --map orders.yaml --dry-run | tracker replay my-journey.yaml -
      zcat old/*.gz | tracker import - --format jsonl --map orders.yaml --json
    """
    kind = format_of(file, form)
    if out is not None and dry_run:
        raise UsageError("--out and --dry-run cannot be combined.", "Neither sends anything; leave out --dry-run.")
    if as_json and out == STDIN:
        raise UsageError("--json and --out - both write to standard output.", "Name a file, or leave out --json.")
    inputs = (Path(file), mapping)
    require_apart("--out", Path(out) if out not in {None, STDIN} else None, *inputs)
    require_apart("--position", position, *inputs)
    require_apart("--rejected", rejected, *inputs)
    # A dry run that is piped gives all touchpoints on, as a file of events.
    is_piped = dry_run and not as_json and not sys.stdout.isatty()
    target = STDIN if is_piped else out
    said = Said(to_kafka=not dry_run and target is None, out=sys.stderr if target == STDIN else sys.stdout)
    settings = read(os.environ)
    table = load(mapping, settings.kinds, source)
    notes = (
        _notes(file, mapping, (source, since, until), position, rejected) if said.to_kafka and file != STDIN else None
    )
    joins = Joins(settings.kinds)

    def look(touchpoint: Touchpoint) -> None:
        joins.see(touchpoint.channel, touchpoint.ids)
        if dry_run and not is_piped and len(said.samples) < SHOWN:
            said.samples.append(shown(touchpoint, settings.hash_key))

    with progress("importing", _size(file)) as count, _sender(settings, target, dry_run=dry_run) as sender:
        found = rows(file, kind, table, count, said.lacks.append)
        running = Import(found, table, sender, notes, span_of(since, until))
        done: Position | None = notes.begin(again=from_start) if notes else None
        with ending_in_order(running.stop):
            tally = running.run(done, look)
    said.joins, said.stopped = list(joins.sentences()), running.stopped
    if as_json:
        print(msgspec.json.encode(as_data(tally, notes, said)).decode())
    else:
        say(tally, notes, said)
    if running.stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if tally.rejected else ExitCode.OK


def _notes(
    file: str, mapping: Path, asked: tuple[str | None, ...], position: Path | None, rejected: Path | None
) -> Notes:
    path = Path(file)
    return Notes(
        path,
        # Another source or span makes other touchpoints, as another table does.
        mapping.read_bytes() + (repr(asked).encode() if any(asked) else b""),
        position or path.with_name(path.name + ".position"),
        rejected or path.with_name(path.name + ".rejected"),
    )


def _size(file: str) -> int | None:
    """The bytes to read; None where that is not known before, as for gzip."""
    path = Path(file)
    return path.stat().st_size if path.is_file() and path.suffix != ".gz" else None


@contextmanager
def _sender(settings: Settings, target: str | None, *, dry_run: bool) -> Iterator[Sender | None]:
    if target is not None:
        with opened(target, settings.hash_key) as file:
            yield file
    elif dry_run:
        yield None
    else:
        from streams.sdk.producer import connect

        with connect(settings) as producer:
            yield producer
