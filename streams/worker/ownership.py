"""Ownership: which partitions are in this process' hands, and the lane of each."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable

import structlog
from faust.types import TP

from streams.errors import Mismatch
from streams.worker.partition import Lane
from streams.worker.transport import Delivery

log = structlog.get_logger()


class Ownership:
    """Opens a lane for each partition that is assigned and closes it when it is revoked."""

    def __init__(
        self,
        topics: tuple[str, ...],
        open_lane: Callable[[int], Lane],
        changed: Callable[[Collection[int]], None] = lambda _partitions: None,
    ) -> None:
        self.lanes: dict[int, Lane] = {}
        self.is_member = False
        """Whether the group has assigned us our share, which may be nothing."""
        self._changed = changed
        self._topics = frozenset(topics)
        self._open_lane = open_lane

    def assign(self, assigned: Iterable[TP]) -> None:
        """Take these partitions; those that are in our hands already are taken anew.

        Raises `Mismatch` when a partition comes without the same partition of every other topic.
        """
        partitions = check_home(assigned, self._topics)
        for lane in [self.lanes.pop(partition) for partition in list(self.lanes)]:
            _spawn(lane.close())
        for partition in sorted(partitions):
            self.lanes[partition] = self._open_lane(partition)
        self._changed(self.lanes)

    async def revoke(self, revoked: Iterable[TP]) -> None:
        """Finish what is in progress and let go of these partitions."""
        numbers = {tp.partition for tp in revoked}
        lanes = [self.lanes.pop(partition) for partition in list(self.lanes) if partition in numbers]
        self._changed(self.lanes)
        await asyncio.gather(*(lane.close() for lane in lanes))

    def put(self, delivery: Delivery, acknowledge: Callable[[], object]) -> None:
        """Hand a batch to the lane of its partition; one without a lane belongs to nobody here any more."""
        lane = self.lanes.get(delivery.batch.partition)
        if lane is not None:
            lane.put(delivery, acknowledge)

    @property
    def waiting_records(self) -> int:
        """How many records wait in all lanes."""
        return sum(lane.waiting_records for lane in self.lanes.values())

    @property
    def ready(self) -> bool:
        """Whether the group knows us and every partition assigned has been taken in the store."""
        return self.is_member and all(lane.lease is not None for lane in self.lanes.values())


def check_home(assigned: Iterable[TP], topics: frozenset[str]) -> set[int]:
    """The partition numbers of an assignment, each of which must have come for every topic."""
    topics_of: dict[int, set[str]] = defaultdict(set)
    for tp in assigned:
        if tp.topic in topics:
            topics_of[tp.partition].add(tp.topic)
    for partition, found in sorted(topics_of.items()):
        if missing := topics - found:
            raise Mismatch(
                f"This worker was given partition {partition} of {', '.join(sorted(found))} without that of "
                f"{', '.join(sorted(missing))}: a customer's touchpoints would be split between workers.",
                "All input topics need the same number of partitions: run `tracker topics check`.",
            )
    return set(topics_of)


_closing: set["asyncio.Task[None]"] = set()


def _spawn(work: Awaitable[None]) -> None:
    """Run on the side, held so that it is not collected half-way."""
    task = asyncio.ensure_future(work)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
