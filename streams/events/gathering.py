"""Gathering events for a replay: files are read once and kept in columns, with the time that this took.

It knows files, clocks and the terminal; `tracker/replay/replay.py` computes the figures.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from streams.errors import UsageError
from streams.events.files import ReadTally
from tracker.identity.kinds import KINDS, Kinds
from tracker.journey.definition import Definition
from tracker.planning.decode import LATEST_MS
from tracker.replay.columns import Columns, Path
from tracker.replay.line import parse_time
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

    def said_of_future(self) -> str | None:
        """How many touchpoints lie in the future and what time they got, for a person; None if there are none."""
        columns = self.columns
        if not columns.future:
            return None
        lie = "1 touchpoint lies" if columns.future == 1 else f"{columns.future:,} touchpoints lie"
        furthest, taken_for = show_time(columns.furthest_ms), show_time(columns.taken_for_ms)
        return f"{lie} in the future ({'' if columns.future == 1 else 'up to '}{furthest}): taken for {taken_for}."


def gather_from(
    definitions: Sequence[Definition],
    source: Callable[[ReadTally, Callable[[int, int], None]], Iterable[Touch]],
    *,
    now_ms: int | None = None,
    also: Iterable[Path] = (),
    kinds: Kinds = KINDS,
) -> Gathered:
    """The events of a source, which gets the tally to count into and the function that shows progress.

    Kept are the fields that the definitions use. Raises TrackerError for an unreadable file.
    `now_ms`: the moment of looking. If it is after the wall clock, events up to it are not in the future.
    """
    tally = ReadTally()
    present_ms = max(int(time.time() * 1000), now_ms or 0)
    columns = Columns(definitions, also, kinds, present_ms)
    began_s = time.perf_counter()
    show = progress_line()
    add = columns.add
    try:
        for touch in source(tally, show):
            add(touch)
    finally:
        show(-1, 0)
    columns.settle(present_ms)
    return Gathered(columns, tally, began_s)


def _redraws() -> bool:
    """Whether stderr is a terminal that can go back in a line; a dumb one prints the codes."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def watched(customers: Iterable[T]) -> Iterator[T]:
    """The same customers, with their count on stderr where that is a terminal that can redraw a line."""
    if not _redraws():
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
    """A function that shows the progress of reading on stderr, where a line can be redrawn; lines = -1 clears it."""
    if not _redraws():
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
    at_ms = int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else parse_time(text)
    if at_ms is None or not 0 <= at_ms <= LATEST_MS:
        raise UsageError(
            f"{option}: {text[:40]!r} is no moment", "write 2026-11-22T10:00:00Z, a day, or milliseconds since 1970"
        )
    return at_ms


def show_time(at_ms: int | None) -> str | None:
    """A time in RFC 3339, with milliseconds if it has any."""
    if at_ms is None:
        return None
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{whole}Z"
