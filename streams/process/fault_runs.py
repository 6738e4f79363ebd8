"""Runs of faults: when processes that end one after the other show that restarting them does not help.

It knows exit codes and times, and neither processes nor clocks.
"""

from dataclasses import dataclass
from typing import Final

from streams.errors import ExitCode

# A process that ran so long was healthy.
HEALTHY_S: Final = 30.0
# All processes of a group may meet one passing trouble within a moment, and meet it once.
TOGETHER_S: Final = 2.0
# With the pauses between starts (0.5, 1, 2, 4 s) about a quarter of a minute for a process that ends as it starts:
# long enough for a port that the last owner is about to free, short enough for whoever watches a deployment.
MOST_FAULTS: Final = 5
# What passes without a change here: servers come back, disks are emptied, partitions move.
PASSING: Final = frozenset(
    {
        ExitCode.OK,
        ExitCode.UNREACHABLE,
        ExitCode.DISK_FULL,
        ExitCode.FENCED,
        ExitCode.STALLED,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    }
)


@dataclass(slots=True)
class _Run:
    faults: int
    counted_s: float
    """When the last fault that counted came."""
    last_s: float


class FaultRuns:
    """The faults of a group of processes, by exit code.

    They are one run although they come from several processes: a partition whose state cannot be read moves from
    process to process and ends each.
    """

    def __init__(self) -> None:
        self._runs: dict[int, _Run] = {}

    def goes_on(self, code: int, lived_s: float, now_s: float) -> bool:
        """Note that a process ended so; whether the same fault has come so often that a restart is no use.

        A fault lengthens a run when it comes within `HEALTHY_S` of its process' start or of the fault before it.
        A signal (a negative code) is never a fault.
        """
        if code < 0 or code in PASSING:
            return False
        run = self._runs.get(code)
        if run is None or min(lived_s, now_s - run.last_s) > HEALTHY_S:
            run = self._runs[code] = _Run(1, now_s, now_s)
        elif now_s - run.counted_s >= TOGETHER_S:
            run.faults += 1
            run.counted_s = now_s
        run.last_s = now_s
        return run.faults >= MOST_FAULTS
