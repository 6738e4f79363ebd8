"""Ownership: which partitions are assigned to this process, and the worker of each."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

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
        wanted: int | None = None,
    ) -> None:
        """`wanted`: the number of partitions that the store has; others belong to nobody."""
        self.partitions: dict[int, PartitionWorker] = {}
        self.is_member = False
        """Whether the consumer group has assigned this process its share, which may be empty."""
        self.missing: frozenset[str] = frozenset()
        """Topics that do not exist. Until they do, nothing is owned."""
        self._changed = changed
        self._topics = frozenset(topics)
        self._open_worker = open_worker
        self._wanted = wanted

    def assign(self, assigned: Iterable[TP]) -> None:
        """Take these partitions; those that this process owns already are taken anew.

        Raises `Mismatch` when a partition is assigned without the same partition of every other topic.
        """
        assigned = set(assigned)
        there = {tp.topic for tp in assigned} & self._topics
        # A topic that was deleted may be created anew at any moment, and Kafka assigns its partitions then.
        self.missing = self._topics - there if there else frozenset()
        partitions = set() if self.missing else check_home(assigned, self._topics)
        if beyond := {number for number in partitions if self._wanted is not None and number >= self._wanted}:
            raise other_partitions(dict.fromkeys(self._topics, max(beyond) + 1), self._wanted or 0)
        if self.missing:
            log.error(
                "topics are missing; nothing is applied until they are created again: tracker topics create",
                topics=sorted(self.missing),
            )  # fmt: skip
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
        return (
            self.is_member and not self.missing and all(worker.lease is not None for worker in self.partitions.values())
        )


def other_partitions(found: Mapping[str, int], wanted: int) -> Mismatch:
    """The error for topics with another number of partitions than the workers were started with."""
    numbers = ", ".join(f"{topic} has {count}" for topic, count in sorted(found.items()))
    return Mismatch(
        f"Topics have another number of partitions than TRACKER_PARTITIONS={wanted}: {numbers}.",
        f"Stop all workers and run `tracker repartition --to {max(found.values())} --allow-lag`; what waits in Kafka "
        "goes to its home afterwards.",
    )


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
                "All input topics need the same number of partitions: `tracker topics check` says which differ, "
                "`tracker repartition` raises them all.",
            )
    return set(topics_of)


_closing: set["asyncio.Task[None]"] = set()


def _spawn(work: Awaitable[None]) -> None:
    """Run in the background. The set holds the task, since the event loop alone would let it be garbage-collected."""
    task = asyncio.ensure_future(work)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
