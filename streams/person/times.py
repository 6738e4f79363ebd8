"""Moments as people write them on a command line: `2h` ago, a day, an instant."""

from datetime import UTC, datetime
from typing import Final

from streams.errors import UsageError
from tracker.duration import DurationError, parse
from tracker.moment import milliseconds

FIRST_MS: Final = -62_135_596_800_000
LAST_MS: Final = 253_402_300_799_999
"""The years 1 to 9999."""


def moment_ms(text: str, now_ms: int) -> int:
    """The moment in milliseconds since 1970: a length of time before now (`2h`, `1d12h`), a day, or RFC 3339.

    A day or an instant without an offset is in UTC. Raises UsageError.
    """
    try:
        return now_ms - parse(text)
    except DurationError:
        pass
    at_ms = milliseconds(text)
    if at_ms is None:
        raise UsageError(
            f"{text!r} is no moment.", "Write how long ago (2h, 1d12h), a day (2026-11-22) or 2026-11-22T14:00:00Z."
        )
    return at_ms


def shown(at_ms: int) -> str:
    """A moment as `2026-11-22T14:05:09.250Z`; one of no calendar as the number that it is.

    Whoever may write to a topic may date its records as they like.
    """
    if not FIRST_MS <= at_ms <= LAST_MS:
        return f"{at_ms} ms since 1970"
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
