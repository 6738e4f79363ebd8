"""A timer: when the tracker looks at a customer again although nothing comes.

It knows moments; where timers are kept is the store's affair.
"""

from typing import Final

DAY_MS: Final = 86_400_000
FARTHEST_MS: Final = 7 * DAY_MS
"""Stages allow less and less time towards the goal; with looks no farther ahead, most customers have one timer."""


def look_at_ms(due_ms: int, now_ms: int) -> int:
    """When to look at a customer whom the clock changes at `due_ms`: then, or when a day (UTC) before it begins.

    Most customers come back before the clock changes anything, so a look that is a day ahead need not be exact: one
    list a day holds them at a sixth of the memory of a sorted set. Such a look comes early, and sets the next one.
    """
    if due_ms - now_ms < DAY_MS:
        return due_ms
    look_ms = min(due_ms, now_ms + FARTHEST_MS)
    return look_ms - look_ms % DAY_MS


def day_of(look_ms: int) -> int | None:
    """The day (since 1970, UTC) whose beginning a look waits for; None for a look at a moment of its own."""
    day, rest = divmod(look_ms, DAY_MS)
    return None if rest else day
