"""Files of events on their way into a replay: read once, kept in columns, timed.

It knows files, clocks and the terminal; what the events amount to is tracker/replay/replay.py's.
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
    """The events of the files, as far as the definitions look at them; raises TrackerError for what cannot be read."""
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
    """The events of a source, which counts what goes by and says how far it is."""
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
    """The customers as they are, with a line on a terminal's stderr that says how many have gone by."""
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
    """A line on stderr that says how far reading has come; none where stderr is no terminal. -1 wipes it."""
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
    """A moment given as an option, in milliseconds since 1970; raises UsageError."""
    if text is None:
        return None
    at_ms = int(text) if text.lstrip("-").isdigit() and len(text) < 20 else parse_time(text)
    if at_ms is None:
        raise UsageError(
            f"{option}: {text!r} is no moment", "write 2026-11-22T10:00:00Z, a day, or milliseconds since 1970"
        )
    return at_ms


def show_time(at_ms: int | None) -> str | None:
    """A moment in RFC 3339, with milliseconds where there are any."""
    if at_ms is None:
        return None
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ms % 1000:03d}Z" if at_ms % 1000 else f"{whole}Z"
