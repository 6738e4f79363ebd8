"""A timer: when the tracker looks at a customer again although no touchpoint comes.

It knows moments; the store knows where timers are kept.
"""

from typing import Final

DAY_MS: Final = 86_400_000
FARTHEST_MS: Final = 7 * DAY_MS
"""Stages closer to the goal allow less time, and an earlier due moment needs a second timer while the first is set.
With looks at most a week ahead most customers have one timer."""


def look_at_ms(due_ms: int, now_ms: int) -> int:
    """When to look at a customer whom the clock changes at `due_ms`: then, or at the start of an earlier UTC day.

    Most customers come back before the clock changes anything, so a look that is a day or more ahead need not be exact.
    One list for each day holds such looks in a sixth of the memory of a sorted set by moment. The look comes early,
    changes nothing and sets the next one.
    """
    if due_ms - now_ms < DAY_MS:
        return due_ms
    look_ms = min(due_ms, now_ms + FARTHEST_MS)
    return look_ms - look_ms % DAY_MS


def day_of(look_ms: int) -> int | None:
    """The UTC day (counted from 1970) at whose start the look is; None for a look at an exact moment."""
    day, rest = divmod(look_ms, DAY_MS)
    return None if rest else day
