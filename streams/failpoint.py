"""Failpoints: a process that kills itself after a numbered step, for the fault tests."""

import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "TRACKER_FAILPOINT"


def after_step(text: str) -> Callable[[int], None]:
    """What `Commit` calls after each step: `6:3` kills the process after step 6 of its third batch; empty: nothing."""
    if not text:
        return lambda _step: None
    step_wanted, _, times = text.partition(":")
    left = int(times or 1)

    def reached(step: int) -> None:
        nonlocal left
        if step == int(step_wanted):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached
