"""Neglect: which partitions nobody looks after, so that what comes for them is not applied.

It takes what `streams/stores/attendance.py` reads, at each reading of the figures, and knows neither Redis nor clocks.
"""

from collections.abc import Sequence

from streams.stores.attendance import KEPT_MS, Attendance


class Neglect:
    """By partition, for how long nobody has looked after it."""

    def __init__(self, patience_s: float) -> None:
        """A partition counts as neglected after `patience_s`."""
        self._patience_s = patience_s
        self._found: Sequence[Attendance] = ()
        self._seen_s: dict[int, float] = {}
        """By partition, when a write was seen; at first, when the partition itself was. By the monotonic clock."""
        self._writes: dict[int, int] = {}
        self.idle_s: dict[int, float] = {}
        """By partition, seconds since a look or a write."""

    def took(self, found: Sequence[Attendance], now_s: float) -> None:
        """Note a reading."""
        for one in found:
            # A worker in a large batch looks seldom, and one of a version without notes never: both write.
            if self._writes.get(one.partition) != one.writes:
                is_first = one.partition not in self._writes
                self._writes[one.partition] = one.writes
                if not is_first or one.looked_s_ago is None:
                    self._seen_s[one.partition] = now_s
        self.idle_s = {one.partition: self._idle_s(one, now_s) for one in found}

    def _idle_s(self, one: Attendance, now_s: float) -> float:
        # Without any note nobody knows since when: it counts from the first reading, so that a start is no alarm.
        looked = [one.looked_s_ago] if one.looked_s_ago is not None else []
        wrote = [now_s - self._seen_s[one.partition]] if one.partition in self._seen_s else []
        return min(looked + wrote, default=KEPT_MS / 1000)

    @property
    def partitions(self) -> list[int]:
        """The neglected partitions."""
        return [partition for partition, idle_s in self.idle_s.items() if idle_s > self._patience_s]
