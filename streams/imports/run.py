"""One import in blocks: make touchpoints, send them, await the broker, save the position.

A confirmed block is not sent again. An unconfirmed one is, and its touchpoints count once by their event_ids. It
prints nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import msgspec

from schemas.touchpoint import Touchpoint
from schemas.unreadable import UNREADABLE
from streams.errors import Mismatch, TrackerError
from streams.imports.files import FileRow
from streams.imports.mapping import ImportMap
from streams.imports.rows import RowFlaw, touchpoints, unmet
from tracker.moment import ALL_TIME, TimeSpan

# About half a second of work. After a crash, at most one block is sent twice.
BLOCK_ROWS: Final = 2_000
SHOWN: Final = 5
# A column of free text has a value for each row.
MAX_VALUES: Final = 1_000
OTHERS: Final = "(other values)"
HEAD_BYTES: Final = 64 * 1024


class Sender(Protocol):
    """The part of `streams.sdk.producer.Producer` that an import needs."""

    def send(self, touchpoint: Touchpoint) -> Any:
        """Send a touchpoint."""

    def flush(self) -> None:
        """Return when the broker has confirmed everything; raises where it has not."""


class Position(msgspec.Struct, frozen=True):
    """How far a file was imported, with hashes to check that file and table are still the same."""

    rows: int
    rejected_bytes: int
    """The length of the file of rejected rows at that time; what a crash left after it is cut off."""
    head: str
    """Hash of the file's first `head_bytes`, so that an import continues with a file that has only grown."""
    head_bytes: int
    table: str
    """Hash of the mapping table."""


@dataclass(slots=True)
class ImportTally:
    """Counts of an import so far."""

    rows: int = 0
    """Rows read in this run."""
    touchpoints: int = 0
    cut: int = 0
    """Touchpoints outside of the span that was asked for."""
    without: int = 0
    """Rows from which the table makes no touchpoint."""
    rejected: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """The first rejections, as sentences."""
    begins_at: int = 0
    """Rows that earlier runs have imported."""
    unmet: dict[str, Counter[str]] = field(default_factory=dict)
    """Of the rows that met no condition: how often each value stood in each column that conditions ask for."""

    def meets_nothing(self, values: Iterable[tuple[str, str]]) -> None:
        """Count the values of a row that met no condition."""
        self.without += 1
        for column, value in values:
            counts = self.unmet.setdefault(column, Counter())
            counts[value if value in counts or len(counts) < MAX_VALUES else OTHERS] += 1


@dataclass
class Notes:
    """The files beside an import: the position, and the rejected rows with their reasons."""

    source: Path
    table: bytes
    position: Path
    rejected: Path

    def begin(self, *, again: bool) -> Position | None:
        """The position of an earlier run; None to start at the first row. Raises Mismatch for another file or table."""
        if again or not self.position.exists():
            self.rejected.unlink(missing_ok=True)
            return None
        try:
            found = msgspec.json.decode(self.position.read_bytes(), type=Position)
        except UNREADABLE:
            raise self._stranger("is no position of an import") from None
        if found.table != _digest(self.table):
            raise self._stranger("was made with another mapping table, source or span")
        if found.head != self._head(found.head_bytes):
            raise self._stranger(f"was made with another {self.source.name}")
        if self.rejected.exists():
            with self.rejected.open("rb+") as file:
                file.truncate(found.rejected_bytes)
        return found

    def note(self, rows: int, rejected_bytes: int) -> None:
        """Save the position atomically: write a new file, then rename it."""
        size = min(self.source.stat().st_size, HEAD_BYTES)
        found = Position(rows, rejected_bytes, self._head(size), size, _digest(self.table))
        draft = self.position.with_name(self.position.name + ".new")
        draft.write_bytes(msgspec.json.encode(found) + b"\n")
        draft.replace(self.position)

    def _head(self, size: int) -> str:
        with self.source.open("rb") as file:
            return _digest(file.read(size))

    def _stranger(self, what: str) -> TrackerError:
        return Mismatch(f"{self.position} {what}.", "Say --from-start; what was imported before counts once.")


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


@dataclass
class Import:
    """An import that can be stopped after the present block while it runs."""

    rows: Iterable[FileRow]
    table: ImportMap
    sender: Sender | None
    """None: a dry run."""
    notes: Notes | None = None
    """None: no position is saved, as for a dry run and for standard input."""
    span: TimeSpan = ALL_TIME
    """Touchpoints outside of it are not sent."""
    block_rows: int = BLOCK_ROWS
    stopped: bool = False

    def stop(self) -> None:
        """End after the present block."""
        self.stopped = True

    def run(
        self, done: Position | None = None, look: Callable[[Touchpoint], None] = lambda _touchpoint: None
    ) -> ImportTally:
        """Import the rows after `done`; `look` is called with each touchpoint. Raises TrackerError."""
        tally = ImportTally(begins_at=done.rows if done else 0)
        rows = islice(iter(self.rows), tally.begins_at, None)
        while not self.stopped and (block := list(islice(rows, self.block_rows))):
            self._block(block, tally, look)
        return tally

    def _block(self, block: list[FileRow], tally: ImportTally, look: Callable[[Touchpoint], None]) -> None:
        refused: list[bytes] = []
        for row in block:
            made = row.flaw or touchpoints(row.data, self.table)
            tally.rows += 1
            if isinstance(made, RowFlaw):
                refused.append(_refused(row, made))
                tally.rejected[made.reason] += 1
                if len(tally.examples) < SHOWN:
                    tally.examples.append(f"line {row.line}: {made.reason}: {made.detail}")
                continue
            if not made:
                tally.meets_nothing(unmet(row.data, self.table))
            kept = [each for each in made if self.span.holds(cast(int, each.occurred_at))]
            tally.cut += len(made) - len(kept)
            for touchpoint in kept:
                look(touchpoint)
                if self.sender:
                    self.sender.send(touchpoint)
            # Counted as sent when the block is flushed: until then an error ends the run.
            tally.touchpoints += len(kept)
            tally.by_type.update(f"{each.channel}: {each.type}" for each in kept)
        if self.sender:
            self.sender.flush()
        if self.notes:
            self.notes.note(tally.begins_at + tally.rows, _append(self.notes.rejected, refused))


def _refused(row: FileRow, flaw: RowFlaw) -> bytes:
    refused = {"line": row.line, "reason": flaw.reason, "detail": flaw.detail, "row": row.data}
    return msgspec.json.encode(refused) + b"\n"


def _append(path: Path, lines: list[bytes]) -> int:
    """Append lines to a file, which is created with the first line; returns its length."""
    if not lines:
        return path.stat().st_size if path.exists() else 0
    with path.open("ab") as file:
        file.writelines(lines)
        return _end(file)


def _end(file: BinaryIO) -> int:
    file.flush()
    return file.tell()
