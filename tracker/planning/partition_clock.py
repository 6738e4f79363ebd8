"""A partition's present moment: the wall clock when it is caught up, else its own stream time (the watermark).

So a replay of history drops customers at the same moments as the live run did. With the wall clock a worker that is
behind would report drop-offs of customers whose next touchpoints it has not read yet.
"""

from collections.abc import Iterable


class PartitionClock:
    """The earliest clock among a partition's topics: the one farthest behind may still bring older touchpoints."""

    def __init__(self, topics: Iterable[str]) -> None:
        # None stands for the wall clock; 0 says that nothing is known yet.
        self._times_ms: dict[str, int | None] = dict.fromkeys(topics, 0)

    def saw(self, topic: str, newest_ms: int, *, caught_up: bool) -> None:
        """Note a batch whose newest broker timestamp is `newest_ms`; `caught_up`: it was the last one to read.

        Stream time never goes back, though producers may set timestamps that do.
        """
        if caught_up:
            self._times_ms[topic] = None
        else:
            self._times_ms[topic] = max(newest_ms, self._times_ms.get(topic) or 0)

    def now(self, wall_ms: int) -> int:
        """The present moment in milliseconds since 1970; 0 while nothing is known of one of the topics."""
        # Never after the wall clock: a timestamp from the future would drop customers off early.
        return min((wall_ms if time is None else min(time, wall_ms) for time in self._times_ms.values()), default=0)

    @property
    def behind(self) -> frozenset[str]:
        """The topics that are not read to their end."""
        return frozenset(topic for topic, time in self._times_ms.items() if time is not None)

    @property
    def caught_up(self) -> bool:
        """Whether every topic has been read to its end."""
        return all(time is None for time in self._times_ms.values())
