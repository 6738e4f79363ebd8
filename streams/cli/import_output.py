"""The text and the JSON of `tracker import`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

import msgspec

from schemas.touchpoint import Touchpoint
from streams.cli.paint import Paint
from streams.imports.run import ImportTally, Notes

SHOWN_VALUES: Final = 12
SHOWN_COLUMNS: Final = 3
LONGEST_VALUE: Final = 40


@dataclass
class Said:
    """What an import has to say besides its counts."""

    lacks: list[str] = field(default_factory=list)
    """What the file lacks, and the table can do without."""
    samples: list[Touchpoint] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    """What does not join."""
    to_kafka: bool = True
    out: TextIO = sys.stdout
    """Where the summary goes: stderr where stdout gets the touchpoints."""
    stopped: bool = False


def say(tally: ImportTally, notes: Notes | None, said: Said) -> None:
    """Print the summary, and to stderr what was wrong."""
    for sample in said.samples:
        print(msgspec.json.encode(sample).decode(), file=said.out)
    before = f" (after {tally.begins_at:,} of earlier runs)" if tally.begins_at else ""
    sent = ", all confirmed by Kafka" if said.to_kafka else ""
    print(f"{tally.rows:,} rows{before}: {tally.touchpoints:,} touchpoints{sent}", file=said.out)
    for name, count in tally.by_type.most_common(SHOWN_VALUES):
        print(f"  {name}  {count:,}", file=said.out)
    if tally.cut:
        print(f"  {tally.cut:,} outside of --since and --until left out", file=said.out)
    for line in unmet_lines(tally):
        print(f"  {line}", file=said.out)
    paint = Paint(sys.stderr)
    for sentence in (*said.lacks, *tally.examples, *said.joins):
        print(paint("yellow", sentence), file=sys.stderr)
    if tally.rejected:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in tally.rejected.most_common())
        where = f"; they are in {notes.rejected}" if notes else ""
        print(paint("yellow", f"{tally.rejected.total():,} rows were rejected: {counts}{where}."), file=sys.stderr)
    if said.stopped:
        again = "continue here" if notes else "begin at the first row"
        print(f"Stopped. Run the same command again to {again}.", file=sys.stderr)


def unmet_lines(tally: ImportTally) -> Iterator[str]:
    """How many rows met no condition, and which values they have in the columns that conditions ask for."""
    if not tally.without:
        return
    yield f"{tally.without:,} rows matched no condition"
    for column, counts in list(tally.unmet.items())[:SHOWN_COLUMNS]:
        yield f"  {column}: {_values(counts.most_common())}"


def _values(counts: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{value[:LONGEST_VALUE] or '(empty)'} {count:,}" for value, count in counts[:SHOWN_VALUES])
    more = len(counts) - SHOWN_VALUES
    return shown + (f", and {more:,} more values" if more > 0 else "")


def as_data(tally: ImportTally, notes: Notes | None, said: Said) -> dict[str, Any]:
    """The summary as plain data."""
    return {
        "rows": tally.rows,
        "begins_at": tally.begins_at,
        "touchpoints": tally.touchpoints,
        "by_type": dict(tally.by_type),
        "cut": tally.cut,
        "without": tally.without,
        "unmet": {column: dict(counts.most_common()) for column, counts in tally.unmet.items()},
        "rejected": dict(tally.rejected),
        "examples": tally.examples,
        "missing": said.lacks,
        "joins": said.joins,
        "rejected_file": str(notes.rejected) if notes and tally.rejected else None,
        "stopped": said.stopped,
        "samples": said.samples,
    }
