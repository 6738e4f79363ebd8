"""The planner of tests in which definitions never change."""

from streams.definitions.builds import Turn
from tracker.planning.planner import Planner


class OnePlanner:
    """Implements `Planners`: one planner, whatever the revision."""

    revision = 0

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def planner(self, revision: int) -> Planner:
        """The one planner there is."""
        del revision
        return self._planner

    def turn(self, revision: int) -> Turn:
        """It is served, and nobody switches."""
        return Turn(revision)

    def changed(self, before: int) -> bool:
        """Never."""
        del before
        return False

    async def refresh(self, at_least: int = 0) -> None:
        """Nothing to look for."""
