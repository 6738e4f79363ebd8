"""The aligned queue of a partition: batches of its topics, taken together in the order of their time.

A partition's topics are read at different speeds. If batches were applied as they come, one topic's backlog would run
hours ahead of another's: customers would seem to go quiet and to return, and almost every touchpoint would be late. So
batches that are applied together belong to the same time by the broker's clock
(docs/decisions/0003-topics-in-step.md).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from streams.worker.transport import FetchedBatch
from tracker.planning.plan import PartitionBatch

LAGGARD_S: Final = 0.25
"""How long batches wait for a topic that has more to read but no batch here; a fetch takes far less."""

HELD_AT: Final = 2
"""At so many waiting batches a topic is paused. At one, a quiet topic would be paused and resumed at every batch, and
its next batch would have to wait until the fetch under way, which leaves the topic out, has ended."""

Acknowledge = Callable[[], object]


@dataclass(slots=True)
class TakenBatches:
    """The batches to apply next."""

    batches: list[tuple[PartitionBatch, bool]] = field(default_factory=list)
    """At most one a topic, each with whether the topic holds nothing behind it."""
    acknowledge: list[Acknowledge] = field(default_factory=list)
    """The acknowledgements of the batches that were taken whole."""
    ends: dict[str, int] = field(default_factory=dict)
    """By topic, the offset after its newest record when the batch was read."""
    stale: int = 0
    """Batches that were read under an earlier epoch, and dropped."""


class AlignedQueue:
    """A queue for each topic of a partition.

    `hold` is called with a topic that has `HELD_AT` batches waiting, `release` when it has fewer. This bounds the
    queues (only batches on their way are added after a hold), and `put` never blocks.
    """

    def __init__(self, topics: tuple[str, ...], hold: Callable[[str], None], release: Callable[[str], None]) -> None:
        self._queues: dict[str, deque[tuple[FetchedBatch, Acknowledge]]] = {topic: deque() for topic in topics}
        self._hold = hold
        self._release = release
        self._arrived = asyncio.Event()
        self._limits: Mapping[str, int] = {}
        """By topic, the offset at which it stands still during a switch; other topics go on."""
        self._reads_on = True

    def stand(self, limits: Mapping[str, int], *, reads_on: bool) -> None:
        """Take nothing from these offsets on, until `limits` is empty. `reads_on`: what lies before is still to come.

        What waits there stays.
        """
        self._limits, self._reads_on = limits, reads_on
        for topic, queue in self._queues.items():
            if topic in limits and not reads_on:
                self._hold(topic)
            elif len(queue) < HELD_AT:
                self._release(topic)
        self._arrived.set()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self._queues.values())

    @property
    def records(self) -> int:
        """How many records wait to be taken. Those that stand still are few: their topics are paused."""
        queues = [queue for topic, queue in self._queues.items() if topic not in self._limits]
        return sum(len(delivery.batch.records) for queue in queues for delivery, _ in queue)

    def put(self, delivery: FetchedBatch, acknowledge: Acknowledge) -> None:
        """Queue a batch."""
        queue = self._queues[delivery.batch.topic]
        queue.append((delivery, acknowledge))
        if len(queue) >= HELD_AT:
            self._hold(delivery.batch.topic)
        self._arrived.set()

    async def ready(self, behind: Collection[str]) -> None:
        """Return when a batch can be taken and every topic in `behind` has one, or after `LAGGARD_S` without that."""
        await self._until(lambda: any(map(self._has_one, self._queues)))
        try:
            async with asyncio.timeout(LAGGARD_S):
                await self._until(lambda: all(topic in self._limits or self._queues[topic] for topic in behind))
        except TimeoutError:
            return

    def take(self, epoch: int) -> TakenBatches:
        """The waiting records up to a common time: the newest time that every topic with more to read has reached.

        A topic that is read to its end sets no limit. Batches of another epoch are dropped: they will be read again.
        """
        taken = TakenBatches()
        for queue in self._queues.values():
            while queue and queue[0][0].epoch != epoch:
                queue.popleft()
                taken.stale += 1
        first = [queue[0][0] for topic, queue in self._queues.items() if self._has_one(topic)]
        until_ms = min((delivery.batch.newest_ms for delivery in first if not delivery.caught_up), default=None)
        for topic, queue in self._queues.items():
            if self._has_one(topic):
                self._call(taken, queue, until_ms, self._limits.get(topic))
            if len(queue) < HELD_AT and (self._reads_on or topic not in self._limits):
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

    def _has_one(self, topic: str) -> bool:
        """Whether something of the topic can be taken now."""
        queue, limit = self._queues[topic], self._limits.get(topic)
        return bool(queue) and (limit is None or queue[0][0].batch.records[0].offset < limit)

    @staticmethod
    def _call(
        taken: TakenBatches, queue: deque[tuple[FetchedBatch, Acknowledge]], until_ms: int | None, limit: int | None
    ) -> None:
        """Take the first batch of a topic, or the records at its start before `limit` and not after `until_ms`."""
        delivery, acknowledge = queue.popleft()
        batch = delivery.batch
        if (until_ms is None or batch.newest_ms <= until_ms) and (limit is None or batch.next_offset <= limit):
            taken.batches.append((batch, delivery.caught_up))
            taken.acknowledge.append(acknowledge)
        else:
            # The cut is before the first later record, even where records of an earlier time follow it: the applied
            # offset stands for every record before it.
            later = (
                place
                for place, record in enumerate(batch.records)
                if (until_ms is not None and record.timestamp > until_ms)
                or (limit is not None and record.offset >= limit)
            )
            count = next(later)
            # The rest keeps the acknowledgement: Kafka may have the offset only when the whole batch is applied.
            rest = PartitionBatch(batch.topic, batch.partition, batch.records[count:], batch.limit_ms)
            queue.appendleft((replace(delivery, batch=rest), acknowledge))
            if not count:
                return
            part = PartitionBatch(batch.topic, batch.partition, batch.records[:count], batch.limit_ms)
            taken.batches.append((part, False))
        taken.ends[batch.topic] = delivery.end_offset or batch.next_offset
