"""The commit: one batch through the numbered steps of docs/delivery.md.

1. take a batch: the records of one topic-partition, in order, and with it what the partition holds of the same time
   in its other topics (`streams/worker/partition.py` hands them over);
2. decode: touchpoints, or rejections that hold the original bytes, the reason and the place;
3. resolve identity; touchpoints that are at home elsewhere become messages to `journey.routed`;
4. read the states that the cache does not hold: one round trip;
5. fold: a plan of new states, aggregate changes, timers, outgoing messages;
6. one atomic write, fenced by the partition's epoch;
7. publish the outbox and await the broker; trim it;
8. acknowledge (the partition worker does, when this returns).
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar

import structlog

from streams.clients.outbox import OutboxBatch, pack, unpack
from streams.clients.publisher import Publisher, Unpublished
from streams.errors import ConfigurationError
from streams.stores.store import DROPPED, Due, Lease, Store, Unavailable
from streams.worker.cache import Cache
from streams.worker.metrics import WorkerMetrics
from streams.worker.step_clock import StepClock
from tracker.planning.plan import PartitionBatch, Plan
from tracker.planning.planner import Planner
from tracker.planning.slices import Work

T = TypeVar("T")
log = structlog.get_logger()

# The first pause is shorter than a failover takes, the longest short enough to be back soon after it.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
SWEEP_CUSTOMERS: Final = 1000
TIMERS: Final = "timers"
"""Sweeps count their own offset under this name, so that one is no more applied twice than a batch is."""


class Unwanted(Exception):  # noqa: N818  # the wish of the caller, not an error
    """The batch was given up before anything of it was written."""


class Commit:
    """Carries batches out. Knows no Kafka consumer: what to read next is not decided here."""

    def __init__(
        self,
        planner: Planner,
        store: Store,
        publisher: Publisher,
        cache: Cache,
        metrics: WorkerMetrics,
        after_step: Callable[[int], None] = lambda _step: None,
    ) -> None:
        self._planner = planner
        self._store = store
        self._publisher = publisher
        self._cache = cache
        self._metrics = metrics
        self._after_step = after_step
        self._epochs: dict[int, int] = {}

    async def take(self, partition: int, damage: str = "") -> Lease:
        """The partition in our hands, once the messages that its last owner left in the outbox are out.

        `damage`: what was found missing of it. Then, or where the store finds something missing at the take, all that
        Kafka brings again is taken away, and the offsets of the lease are empty.
        Raises ConfigurationError where erased names would not be recognised.
        """
        self._cache.drop(partition)
        # In an emptied store epochs begin again. Within this process they go on, for batches that were read under an
        # earlier one are told from newer ones by their epoch.
        floor_epoch = self._epochs.get(partition, 0) + 1
        lease = await self._insist("redis", lambda: self._store.take(partition, floor_epoch))
        if damage or lease.damage:
            log.error(
                "redis has lost keys of a partition; building it again from kafka",
                partition=partition, lost=damage or lease.damage,
            )  # fmt: skip
            lease = await self._rebuilt(lease)
        if not self._planner.erasure.is_own(lease.suppressed):
            raise ConfigurationError(
                "TRACKER_ID_SALT is not the one under which customers were erased: they would come back.",
                "Set it to what it was then.",
            )
        self._epochs[partition] = lease.epoch
        for blob in lease.outbox:
            await self._publish(lease, unpack(blob))
        lease.outbox.clear()
        return lease

    async def tell(self, lease: Lease, told: Mapping[str, int]) -> None:
        """Remember before what everything was published, so that what follows from reading it again says so."""
        await self._insist("redis", lambda: self._store.tell(lease, told))

    async def _rebuilt(self, damaged: Lease) -> Lease:
        """The partition without what Kafka brings again."""
        self._metrics.rebuilt()
        await self._insist("redis", lambda: self._store.rebuild(damaged))
        return await self._insist("redis", lambda: self._store.take(damaged.partition, damaged.epoch + 1))

    async def miss(self, lease: Lease, topic: str, first: int, end: int) -> None:
        """Remember, loudly, offsets that were never applied and that Kafka no longer has."""
        self._metrics.missing(topic, end - first)
        log.error(
            "kafka no longer holds touchpoints that were never applied; going on from what there is",
            topic=topic, partition=lease.partition, missing=end - first, first=first, end=end,
        )  # fmt: skip
        await self._insist("redis", lambda: self._store.miss(lease.partition, topic, first, end))

    async def batch(
        self,
        lease: Lease,
        batches: Sequence[PartitionBatch],
        now_ms: int,
        wall_ms: int,
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        again: bool = False,
    ) -> Plan:
        """Steps 2 to 7 for a batch, or for several of the same partition that belong to the same time.

        Steps 2, 3 and 5 are done in slices, so that the partitions of a process share its core. Raises `Fenced` or
        `Lost` when step 6 is refused, `Unwanted` when `is_wanted` says no before it; then nothing was written. `again`:
        what follows from the batch was published before, and says so.
        """
        clock = self._metrics.clock()
        self._after_step(1)
        work = self._planner.reading(lease.partition, batches, wall_ms, lease.offsets, lease.suppressed)
        reading = await _in_slices(work, is_wanted)
        reading.again, reading.dropped_before_ms = again, lease.told.get(DROPPED, 0)
        clock.step(3)
        self._after_step(3)
        states = await self._states(reading.partition, reading.names())
        clock.step(4)
        self._after_step(4)
        plan = await _in_slices(self._planner.planning(reading, states, now_ms), is_wanted)
        clock.step(5)
        self._after_step(5)
        offsets = {batch.topic: batch.next_offset for batch in batches} | reading.marks
        await self._write(lease, offsets, plan, clock)
        self._metrics.applied(batches, plan)
        return plan

    async def verify(self, lease: Lease) -> None:
        """Notice a store that has lost writes, or a partition that has moved, also while there is nothing to write."""
        await self._insist("redis", lambda: self._store.verify(lease))

    async def sweep(self, lease: Lease, now_ms: int) -> int:
        """Look at the customers whose timer is due; returns how many there were."""
        due = await self._insist("redis", lambda: self._store.due(lease.partition, now_ms, SWEEP_CUSTOMERS))
        if due.customers:
            clock = self._metrics.clock()
            states = await self._states(lease.partition, due.customers)
            plan = self._planner.sweep(lease.partition, states, now_ms, lease.told.get(DROPPED, 0))
            await self._write(lease, {TIMERS: lease.offsets.get(TIMERS, 0) + 1}, plan, clock, due)
            self._metrics.swept(len(due.customers), plan)
        return len(due.customers)

    async def _states(self, partition: int, customers: list[str]) -> Mapping[str, bytes | None]:
        """Step 4."""
        states = self._cache.read(partition, customers)
        missing = [customer for customer, record in states.items() if record is None]
        if missing:
            found = await self._insist("redis", lambda: self._store.read(partition, missing))
            states.update(zip(missing, found, strict=True))
        self._metrics.cache(len(customers) - len(missing), len(missing))
        return states

    async def _write(
        self, lease: Lease, offsets: Mapping[str, int], plan: Plan, clock: StepClock, fired: Due | None = None
    ) -> None:
        """Steps 6 and 7."""
        batch = OutboxBatch(lease.partition, lease.epoch, lease.sequence + 1, plan.messages, lease.generation)
        blob, sequence = pack(batch), batch.last_sequence
        await self._insist("redis", lambda: self._store.apply(lease, offsets, plan, blob, sequence, fired))
        if self._epochs.get(lease.partition) == lease.epoch:
            # Else the partition was taken anew meanwhile, and its cache may hold newer states already.
            self._cache.put(lease.partition, plan.states)
            self._cache.forget(lease.partition, plan.removed)
        clock.step(6)
        self._after_step(6)
        if blob:
            await self._publish(lease, batch)
        clock.step(7)
        self._after_step(7)

    async def _publish(self, lease: Lease, batch: OutboxBatch) -> None:
        """Step 7."""
        await self._insist("kafka", lambda: self._publisher.publish(batch))
        await self._insist("redis", lambda: self._store.trim(lease, batch.last_sequence))

    async def _insist(self, server: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a server, however long it takes: an outage pauses the partition and loses nothing.

        Every call here is one that may be repeated. Closing the partition, not a time-out, is what gives up.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = await call()
            except (Unavailable, Unpublished) as error:
                self._metrics.outage(server, str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._metrics.answered(server)
                return answer


async def _in_slices(pieces: Generator[None, None, T], is_wanted: Callable[[], bool]) -> T:
    """The result of work in slices; between them everybody else has a turn."""
    work = Work(pieces)
    for _ in work:
        await asyncio.sleep(0)
        if not is_wanted():
            raise Unwanted
    return work.result
