"""A partition's present moment: the wall clock when it is caught up, else its own stream time.

So a replay of history drops the same customers at the same moments as the live run did.
"""

from collections.abc import Iterable


class PartitionClock:
    """The earliest of its topics' clocks: one that is behind may still hold touchpoints of the time between."""

    def __init__(self, topics: Iterable[str]) -> None:
        # None stands for the wall clock; 0 says that nothing is known yet.
        self._times_ms: dict[str, int | None] = dict.fromkeys(topics, 0)

    def saw(self, topic: str, newest_ms: int, *, caught_up: bool) -> None:
        """A batch whose newest broker timestamp is `newest_ms`; `caught_up`: nothing lies behind it."""
        if caught_up:
            self._times_ms[topic] = None
        else:
            self._times_ms[topic] = max(newest_ms, self._times_ms.get(topic) or 0)

    def now(self, wall_ms: int) -> int:
        """The present moment, in milliseconds since 1970; 0 while a topic behind has not been read at all."""
        return min((wall_ms if time is None else min(time, wall_ms) for time in self._times_ms.values()), default=0)

    @property
    def behind(self) -> frozenset[str]:
        """Topics that have more to read than what was seen of them."""
        return frozenset(topic for topic, time in self._times_ms.items() if time is not None)

    @property
    def caught_up(self) -> bool:
        """Whether every topic has been read to its end."""
        return all(time is None for time in self._times_ms.values())
