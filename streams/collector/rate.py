"""Rate limits: a token bucket for each name. Each process counts for itself."""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from streams.collector.problems import Refused

BURST_S: Final = 10
# Beyond these the least recently seen name is forgotten: invented addresses must not fill the memory.
MOST_NAMES: Final = 20_000


class Allowance(NamedTuple):
    """The state of a bucket after a request."""

    allowed: bool
    left: int
    wait_s: int
    """Seconds until it may ask again, or until the bucket is full."""


class Limiter:
    """Buckets of `rate_per_s` times ten seconds, never smaller than the largest request."""

    def __init__(self, rate_per_s: int, largest: int = 1, clock_s: Callable[[], float] = monotonic) -> None:
        self.rate_per_s = rate_per_s
        self.size = max(rate_per_s * BURST_S, largest)
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, count: int = 1) -> Allowance:
        """Take `count` from the bucket, all or none."""
        now_s = self._clock_s()
        level, seen_s = self._buckets.pop(name, (float(self.size), now_s))
        level = min(float(self.size), level + (now_s - seen_s) * self.rate_per_s)
        allowed = level >= count
        level -= count if allowed else 0
        self._buckets[name] = level, now_s
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)
        lacking = self.size - level if allowed else count - level
        return Allowance(allowed, int(level), math.ceil(lacking / self.rate_per_s))

    def require(self, policy: str, name: str, count: int = 1) -> dict[str, str]:
        """Take `count`, and return the headers with the state of the bucket. Raises `Refused` (429)."""
        allowance = self.take(name, count)
        headers = {
            "ratelimit-policy": f'"{policy}";q={self.size};w={math.ceil(self.size / self.rate_per_s)}',
            "ratelimit": f'"{policy}";r={allowance.left};t={allowance.wait_s}',
        }
        if not allowance.allowed:
            headers["retry-after"] = str(max(1, allowance.wait_s))
            raise Refused("too_many", f"This {policy} has reached its rate limit; nothing was kept.", headers=headers)
        return headers
