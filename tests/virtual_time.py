"""An event loop whose time moves only when everything waits: pauses and time-outs cost nothing and are exact."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
TOO_LONG_S = 3_600.0
STEP_S = 1e-12
BUSY = 1_000
"""After so many turns of the loop at one moment, each takes `STEP_S`. A timer may fire early, by less than the clock's
resolution. Whoever then waits for the rest would wait for ever, if the clock stood still while others are at work.
"""


class _Skip(selectors.DefaultSelector):
    """Instead of waiting, it turns the clock."""

    skipped_s = 0.0
    turns = 0
    """Of the loop, since the clock was turned last."""

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or self.skipped_s > TOO_LONG_S:
            raise RuntimeError("the test waits for something that nobody does")
        self.turns = 0 if timeout > 0 else self.turns + 1
        self.skipped_s += max(STEP_S if self.turns > BUSY else 0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds."""

    def __init__(self) -> None:
        self._skip = _Skip()
        super().__init__(self._skip)

    def time(self) -> float:
        return self._skip.skipped_s


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, at once, whatever it waits for."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
