"""The changeover: one partition's part in a switch, in which both builds stand still at the same offsets.

1. The build that is switched to stops where it is, and says where (`met` is false).
2. The served build goes on until it is at least there, looks at its timers once more, stops, and says where.
3. The build that is switched to goes on to exactly there, and says so (`met` is true).
4. What is on its way between the partitions of each build is applied; `tracker switch` waits for that.
5. The record makes the builds change places, or calls the switch off. Either way both go on from where they stand.

A crash at any step leads to the same end: the next owner finds the record as it was, and begins with step 1 or 2.
Until step 5 nothing is published that would not have been published without a switch. The steps of the record are in
`streams/definitions/switching.py`.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from streams.definitions.builds import Turn
from streams.definitions.switching import Standstill
from streams.stores.store import Lease
from streams.worker.queue import AlignedQueue

log = structlog.get_logger()

STEP_EVERY_S: Final = 0.1
"""How often a partition looks at its partner while it takes part in a switch."""


class ChangeoverSteps(Protocol):
    """What a changeover needs of the commit."""

    async def stand(self, lease: Lease, standstill: Standstill) -> None:
        """Note where the partition stands still."""

    async def standing(self, partition: int, turn: Turn, build: str) -> Standstill | None:
        """Where the partition of a build stands still in this switch."""

    async def sweep(self, lease: Lease, now_ms: int) -> int:
        """Look at customers whose timer is due; returns how many there were."""


class Changeover:
    """Stops the queue of a partition, and frees it again."""

    def __init__(self, build: str, queue: AlignedQueue, commit: ChangeoverSteps) -> None:
        self._build = build
        self._queue = queue
        self._commit = commit
        self._own: Standstill | None = None
        self.now_ms: int | None = None
        """The moment at which the partition's clock stands; None: it goes."""

    @property
    def stands(self) -> bool:
        """Whether the partition has stopped, or was asked to."""
        return self._own is not None

    def reset(self) -> None:
        """Go on as if nobody had asked to stop; also where the partition is taken anew."""
        if self._own is not None:
            self._own = self.now_ms = None
            self._queue.stand({}, reads_on=True)

    async def step(
        self, lease: Lease, turn: Turn, at: Mapping[str, int], now_ms: int, is_wanted: Callable[[], bool]
    ) -> None:
        """Do the next step that is possible. `at`: by topic of touchpoints, where the partition is."""
        if turn.partner is None or (self._own is not None and self._own.revision != turn.revision):
            self.reset()
        if turn.partner is None or (self._own is not None and not turn.comes):
            return
        theirs = await self._commit.standing(lease.partition, turn, turn.partner)
        if turn.comes:
            if self._own is None:
                await self._stop(lease, Standstill(turn.revision, dict(at), now_ms, met=False))
            if theirs is not None and theirs != self._own:
                await self._meet(lease, theirs, at, is_wanted)
        elif (
            theirs is not None
            and now_ms >= theirs.now_ms
            and all(at[topic] >= offset for topic, offset in theirs.offsets.items())
        ):
            before = await self._commit.standing(lease.partition, turn, self._build)
            # An owner before this one has stopped here already: the moment stays, for drop-offs after it are not told.
            stopped = before if before is not None and before.offsets == at else None
            own = stopped or Standstill(turn.revision, dict(at), now_ms, met=True)
            await self._sweep(lease, own.now_ms, is_wanted)
            await self._stop(lease, own)

    async def _stop(self, lease: Lease, own: Standstill) -> None:
        self._own, self.now_ms = own, own.now_ms
        self._queue.stand(own.offsets, reads_on=False)
        await self._commit.stand(lease, own)
        log.info(
            "partition stands still for the switch", partition=lease.partition, build=self._build, offsets=own.offsets
        )

    async def _meet(
        self, lease: Lease, theirs: Standstill, at: Mapping[str, int], is_wanted: Callable[[], bool]
    ) -> None:
        """Go on to where the served build stands; once there, say so."""
        self.now_ms = theirs.now_ms
        if dict(at) != theirs.offsets:
            self._queue.stand(theirs.offsets, reads_on=True)
            return
        await self._sweep(lease, theirs.now_ms, is_wanted)
        await self._stop(lease, theirs)

    async def _sweep(self, lease: Lease, now_ms: int, is_wanted: Callable[[], bool]) -> None:
        while is_wanted() and await self._commit.sweep(lease, now_ms):
            pass
