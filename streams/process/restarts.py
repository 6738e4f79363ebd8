"""Restarts: how often a supervisor has started a process again, as the process itself is told."""

from collections.abc import Mapping
from typing import Final, NamedTuple

VARIABLE: Final = "TRACKER_RESTARTS"
"""The variable by which a supervisor tells the process that it starts; nobody else sets it."""


class Restarts(NamedTuple):
    """What happened to the predecessors of a process."""

    times: int
    """How many there were."""
    exit_code: int
    """How the last one ended; a negative number is a signal."""

    def told(self) -> str:
        """As the value of the variable."""
        return f"{self.times} {self.exit_code}"


NONE: Final = Restarts(0, 0)


def restarts(environ: Mapping[str, str]) -> Restarts:
    """The restarts before this process; none where no supervisor tells of any."""
    count, _, code = environ.get(VARIABLE, "").partition(" ")
    try:
        return Restarts(int(count), int(code))
    except ValueError:
        return NONE
