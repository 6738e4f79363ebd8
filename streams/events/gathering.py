"""Gathering events for a replay: files are read once and kept in columns, with the time that this took.

It knows files, clocks and the terminal; tracker/replay/replay.py computes the figures.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from streams.errors import UsageError
from streams.events.files import ReadTally, touches
from tracker.identity.kinds import KINDS, Kinds
from tracker.journey.definition import Definition
from tracker.replay.columns import Columns, Path
from tracker.replay.line import parse_time
from tracker.replay.replay import replay
from tracker.touch import Touch

PROGRESS_EVERY_S: Final = 0.2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gathered:
    """All events of some files."""

    columns: Columns
    tally: ReadTally
    began_s: float

    def spent_s(self) -> float:
        """Seconds since reading began."""
        return max(time.perf_counter() - self.began_s, 1e-6)


def gather(
    definitions: Sequence[Definition],
    files: Sequence[str],
    *,
    until_ms: int | None = None,
    also: Iterable[Path] = (),
    kinds: Kinds = KINDS,
) -> Gathered:
    """The events of the files, with the fields that the definitions use. Raises TrackerError for an unreadable file."""
    return gather_from(
        definitions, lambda tally, show: touches(files, tally, until_ms, show, kinds), also=also, kinds=kinds
    )


def gather_from(
    definitions: Sequence[Definition],
    source: Callable[[ReadTally, Callable[[int, int], None]], Iterable[Touch]],
    *,
    also: Iterable[Path] = (),
    kinds: Kinds = KINDS,
) -> Gathered:
    """The events of a source, which gets the tally to count into and the function that shows progress."""
    tally = ReadTally()
    columns = Columns(definitions, also, kinds)
    began_s = time.perf_counter()
    show = progress_line()
    add = columns.add
    try:
        for touch in source(tally, show):
            add(touch)
    finally:
        show(-1, 0)
    return Gathered(columns, tally, began_s)


def figures(definition: Definition, files: Sequence[str], kinds: Kinds = KINDS) -> dict[str, Any]:
    """What a replay of the files prints as JSON."""
    gathered = gather([definition], files, kinds=kinds)
    return replay(definition, gathered.columns).as_json(gathered.tally.rejected)


def watched(customers: Iterable[T]) -> Iterator[T]:
    """The same customers, with their count on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield from customers
        return
    shown_s = time.perf_counter()
    for number, customer in enumerate(customers, 1):
        yield customer
        if not number & 0x3FF and time.perf_counter() - shown_s > PROGRESS_EVERY_S:
            shown_s = time.perf_counter()
            sys.stderr.write(f"\r{number:,} customers folded\033[K")
            sys.stderr.flush()
    sys.stderr.write("\r\033[K")


def progress_line() -> Callable[[int, int], None]:
    """A function that shows the progress of reading on stderr, where that is a terminal; lines = -1 clears it."""
    if not sys.stderr.isatty():
        return lambda _lines, _bytes: None
    began_s = shown_s = time.perf_counter()

    def show(lines: int, size: int) -> None:
        nonlocal shown_s
        now_s = time.perf_counter()
        if lines >= 0 and now_s - shown_s < PROGRESS_EVERY_S:
            return
        shown_s = now_s
        rate = lines / max(now_s - began_s, 1e-6)
        text = f"{lines:,} events, {size / 1e6:,.0f} MB, {rate:,.0f} a second" if lines >= 0 else ""
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()

    return show


def moment(option: str, text: str | None) -> int | None:
    """The time of an option in milliseconds since 1970. Raises UsageError."""
    if text is None:
        return None
    at_ms = int(text) if text.lstrip("-").isdigit() and len(text) < 20 else parse_time(text)
    if at_ms is None:
        raise UsageError(
            f"{option}: {text!r} is no moment", "write 2026-11-22T10:00:00Z, a day, or milliseconds since 1970"
        )
    return at_ms


def show_time(at_ms: int | None) -> str | None:
    """A time in RFC 3339, with milliseconds if it has any."""
    if at_ms is None:
        return None
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{whole}Z"
