"""Ownership: which partitions are assigned to this process, and the worker of each."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable

import structlog
from faust.types import TP

from streams.errors import Mismatch
from streams.worker.partition import PartitionWorker
from streams.worker.transport import FetchedBatch

log = structlog.get_logger()


class Ownership:
    """Opens a worker for each partition that is assigned and closes it when it is revoked."""

    def __init__(
        self,
        topics: tuple[str, ...],
        open_worker: Callable[[int], PartitionWorker],
        changed: Callable[[Collection[int]], None] = lambda _partitions: None,
    ) -> None:
        self.partitions: dict[int, PartitionWorker] = {}
        self.is_member = False
        """Whether the consumer group has assigned this process its share, which may be empty."""
        self._changed = changed
        self._topics = frozenset(topics)
        self._open_worker = open_worker

    def assign(self, assigned: Iterable[TP]) -> None:
        """Take these partitions; those that this process owns already are taken anew.

        Raises `Mismatch` when a partition is assigned without the same partition of every other topic.
        """
        partitions = check_home(assigned, self._topics)
        # Also a partition that stays is closed and taken under a new epoch: after a rebalance, another process may
        # have held it and written in between.
        for worker in [self.partitions.pop(partition) for partition in list(self.partitions)]:
            _spawn(worker.close())
        for partition in sorted(partitions):
            self.partitions[partition] = self._open_worker(partition)
        self._changed(self.partitions)

    async def revoke(self, revoked: Iterable[TP]) -> None:
        """Close these partitions: a write in progress is finished first, as far as its time allows."""
        numbers = {tp.partition for tp in revoked}
        closing = [self.partitions.pop(partition) for partition in list(self.partitions) if partition in numbers]
        self._changed(self.partitions)
        await asyncio.gather(*(worker.close() for worker in closing))

    def put(self, delivery: FetchedBatch, acknowledge: Callable[[], object]) -> None:
        """Pass a batch to its partition's worker. A batch of a partition that was revoked is dropped."""
        worker = self.partitions.get(delivery.batch.partition)
        if worker is not None:
            worker.put(delivery, acknowledge)

    @property
    def waiting_records(self) -> int:
        """How many records wait in all partitions."""
        return sum(worker.waiting_records for worker in self.partitions.values())

    @property
    def ready(self) -> bool:
        """Whether this process is in the consumer group and has taken every assigned partition in the store."""
        return self.is_member and all(worker.lease is not None for worker in self.partitions.values())


def check_home(assigned: Iterable[TP], topics: frozenset[str]) -> set[int]:
    """The partition numbers of an assignment. Raises `Mismatch` for one that is not assigned of every topic."""
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
    """Run in the background. The set holds the task, since the event loop alone would let it be garbage-collected."""
    task = asyncio.ensure_future(work)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
