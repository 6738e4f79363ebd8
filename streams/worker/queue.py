"""The aligned queue of a partition: batches of its topics, taken together in the order of their time.

A partition's topics are read at different speeds. Applied as they come, a backlog of one would run hours ahead of
another, customers would seem to go quiet and to return, and almost every touchpoint would be a late one. So what is
applied together belongs to the same time by the broker's clock (docs/decisions/0003-topics-in-step.md).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from streams.worker.transport import FetchedBatch
from tracker.planning.plan import PartitionBatch

LAGGARD_S: Final = 0.25
"""How long a batch waits for a topic that has more to read but nothing here: a fetch takes far less."""

HELD_AT: Final = 2
"""Batches of a topic that may wait: with one, a quiet topic would be held and released at every batch, and its next one
would wait for the fetch that is under way without it."""

Acknowledge = Callable[[], object]


@dataclass(slots=True)
class TakenBatches:
    """What is applied next."""

    batches: list[tuple[PartitionBatch, bool]] = field(default_factory=list)
    """At most one a topic, and whether the topic holds nothing behind it."""
    acknowledge: list[Acknowledge] = field(default_factory=list)
    """For those that were taken to their end."""
    ends: dict[str, int] = field(default_factory=dict)
    """By topic, one after its newest record when it was read."""
    stale: int = 0
    """Batches read before the partition was taken (anew), and dropped."""


class AlignedQueue:
    """A queue for each topic of a partition.

    `hold` is called with a topic that has `HELD_AT` batches waiting, `release` when it has fewer: that bounds the
    queues to what was on its way already, and nobody who brings a batch ever waits.
    """

    def __init__(self, topics: tuple[str, ...], hold: Callable[[str], None], release: Callable[[str], None]) -> None:
        self._queues: dict[str, deque[tuple[FetchedBatch, Acknowledge]]] = {topic: deque() for topic in topics}
        self._hold = hold
        self._release = release
        self._arrived = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self._queues.values())

    @property
    def records(self) -> int:
        """How many records wait."""
        return sum(len(delivery.batch.records) for queue in self._queues.values() for delivery, _ in queue)

    def put(self, delivery: FetchedBatch, acknowledge: Acknowledge) -> None:
        """Let a batch wait."""
        queue = self._queues[delivery.batch.topic]
        queue.append((delivery, acknowledge))
        if len(queue) >= HELD_AT:
            self._hold(delivery.batch.topic)
        self._arrived.set()

    async def ready(self, behind: Collection[str]) -> None:
        """Return when something waits and every topic that is behind has come, or has kept the others waiting."""
        await self._until(lambda: not self.empty)
        try:
            async with asyncio.timeout(LAGGARD_S):
                await self._until(lambda: all(self._queues[topic] for topic in behind))
        except TimeoutError:
            return

    def take(self, epoch: int) -> TakenBatches:
        """What waits, up to the time to which every topic with more to read is here."""
        taken = TakenBatches()
        for queue in self._queues.values():
            while queue and queue[0][0].epoch != epoch:
                queue.popleft()
                taken.stale += 1
        first = [queue[0][0] for queue in self._queues.values() if queue]
        until_ms = min((delivery.batch.newest_ms for delivery in first if not delivery.caught_up), default=None)
        for topic, queue in self._queues.items():
            if queue:
                self._call(taken, queue, until_ms)
            if len(queue) < HELD_AT:
                self._release(topic)
        return taken

    def clear(self) -> None:
        """Forget all that waits."""
        for queue in self._queues.values():
            queue.clear()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._arrived.clear()
            await self._arrived.wait()

    @staticmethod
    def _call(taken: TakenBatches, queue: deque[tuple[FetchedBatch, Acknowledge]], until_ms: int | None) -> None:
        """Take the first batch of a topic, or as much of it as is not after `until_ms`."""
        delivery, acknowledge = queue.popleft()
        batch = delivery.batch
        if until_ms is None or batch.newest_ms <= until_ms:
            taken.batches.append((batch, delivery.caught_up))
            taken.acknowledge.append(acknowledge)
        else:
            later = (place for place, record in enumerate(batch.records) if record.timestamp > until_ms)
            count = next(later)
            rest = PartitionBatch(batch.topic, batch.partition, batch.records[count:])
            queue.appendleft((FetchedBatch(rest, delivery.epoch, delivery.end_offset), acknowledge))
            if not count:
                return
            taken.batches.append((PartitionBatch(batch.topic, batch.partition, batch.records[:count]), False))
        taken.ends[batch.topic] = delivery.end_offset or batch.next_offset
