"""Failpoints: a worker process kills or stops itself after a numbered step, for the fault tests."""

import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "TRACKER_FAILPOINT"


def after_step(text: str) -> Callable[[int], None]:
    """The function that `Commit` calls after each step; it does nothing where the text is empty.

    `6:3` kills the process after step 6 of its third batch; `5:3:STOP` freezes it after step 5, as SIGSTOP does.
    """
    if not text:
        return lambda _step: None
    step_wanted, times, name, *_ = [*text.split(":"), "", ""]
    left, number = int(times or 1), signal.Signals[f"SIG{name or 'KILL'}"]

    def reached(step: int) -> None:
        nonlocal left
        if step == int(step_wanted):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    return reached
