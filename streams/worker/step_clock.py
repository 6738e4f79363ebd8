"""A step clock: how long each step of one batch took."""

from collections.abc import Callable
from time import perf_counter


class StepClock:
    """Calls `observe` with the number and the seconds of each step as it ends."""

    def __init__(self, observe: Callable[[int, float], None]) -> None:
        self._observe = observe
        self._last_s = perf_counter()

    def step(self, number: int) -> None:
        """Step `number` ends now."""
        now_s = perf_counter()
        self._observe(number, now_s - self._last_s)
        self._last_s = now_s
