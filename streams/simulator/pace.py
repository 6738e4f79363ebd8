"""The pace: it passes a stream on at a given rate, by a schedule that does not drift."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Shorter sleeps cost more than they wait, so items are sent in small groups instead.
SLACK_S = 0.005
# After a longer stall (a broker's restart, a laptop's sleep) the schedule starts again, and the backlog is not made up.
FORGIVEN_S = 5.0


def paced(
    items: Iterable[Item],
    rate: float | None,
    *,
    duration_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Item]:
    """The same items, at most `rate` a second (None: as they come), until `duration_s` is over."""
    begun = due = clock()
    step_s = 1 / rate if rate else 0.0
    for item in items:
        now = clock()
        if duration_s is not None and now - begun >= duration_s:
            return
        if rate:
            if due - now > SLACK_S:
                sleep(due - now)
            elif now - due > FORGIVEN_S:
                due = now
            due += step_s
        yield item
