"""The planners of the last revisions of the definitions, as a commit asks for them."""

from typing import Protocol

from streams.definitions.builds import Turn
from tracker.planning.planner import Planner


class Planners(Protocol):
    """Gives the planner of a revision; `streams/worker/follower.py` follows the store's record."""

    @property
    def revision(self) -> int:
        """The newest revision."""

    def planner(self, revision: int) -> Planner:
        """The planner of a revision."""

    def turn(self, revision: int) -> Turn:
        """What the process' build may do under a revision."""

    def changed(self, before: int) -> bool:
        """Whether states of revision `before` may be of other definitions than the newest."""

    async def refresh(self, at_least: int = 0) -> None:
        """Look for a newer revision; `at_least` is one that was seen. Raises `Unavailable`."""
