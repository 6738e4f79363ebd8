"""The commit: one batch through the numbered steps of docs/delivery.md.

1. take a batch: the records of one topic-partition, in order, and with it what the partition holds of the same time
   in its other topics (`streams/worker/partition.py` hands them over);
2. decode: touchpoints, or rejections that hold the original bytes, the reason and the place;
3. resolve identity; touchpoints that are at home elsewhere become messages to `journey.routed`;
4. read the states that the cache does not hold: one round trip;
5. fold: a plan of new states, aggregate changes, timers, outgoing messages;
6. one atomic write, fenced by the partition's epoch;
7. publish the outbox and await the broker; trim it;
8. acknowledge (the lane does, when this returns).
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar

import structlog

from streams.clients.outbox import Parcel, pack, unpack
from streams.clients.publisher import Publisher, Unpublished
from streams.errors import ConfigurationError
from streams.stores.store import Due, Store, Tenure, Unavailable
from streams.worker.cache import Cache
from streams.worker.meters import Meters
from streams.worker.step_clock import StepClock
from tracker.planning.plan import Batch, Plan, Planner
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
        meters: Meters,
        after_step: Callable[[int], None] = lambda _step: None,
    ) -> None:
        self._planner = planner
        self._store = store
        self._publisher = publisher
        self._cache = cache
        self._meters = meters
        self._after_step = after_step
        self._epochs: dict[int, int] = {}

    async def take(self, partition: int, floor_epoch: int) -> Tenure:
        """The partition in our hands, once the messages that its last owner left in the outbox are out.

        Raises ConfigurationError where erased names would not be recognised.
        """
        self._cache.drop(partition)
        tenure = await self._insist("redis", lambda: self._store.take(partition, floor_epoch))
        if not self._planner.erasure.is_own(tenure.suppressed):
            raise ConfigurationError(
                "TRACKER_ID_SALT is not the one under which customers were erased: they would come back.",
                "Set it to what it was then.",
            )
        self._epochs[partition] = tenure.epoch
        for blob in tenure.outbox:
            await self._publish(tenure, unpack(blob))
        tenure.outbox.clear()
        return tenure

    async def miss(self, tenure: Tenure, topic: str, first: int, end: int) -> None:
        """Remember, loudly, offsets that were never applied and that Kafka no longer has."""
        self._meters.missing(topic, end - first)
        log.error(
            "kafka no longer holds touchpoints that were never applied; going on from what there is",
            topic=topic, partition=tenure.partition, missing=end - first, first=first, end=end,
        )  # fmt: skip
        await self._insist("redis", lambda: self._store.miss(tenure.partition, topic, first, end))

    async def batch(
        self,
        tenure: Tenure,
        batches: Sequence[Batch],
        now_ms: int,
        wall_ms: int,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Plan:
        """Steps 2 to 7 for a batch, or for several of the same partition that belong to the same time.

        Steps 2, 3 and 5 are done in slices, so that the partitions of a process share its core. Raises `Fenced` or
        `Lost` when step 6 is refused, `Unwanted` when `is_wanted` says no before it; then nothing was written.
        """
        clock = self._meters.clock()
        self._after_step(1)
        work = self._planner.reading(tenure.partition, batches, wall_ms, tenure.offsets, tenure.suppressed)
        reading = await _in_slices(work, is_wanted)
        clock.step(3)
        self._after_step(3)
        states = await self._states(reading.partition, reading.names())
        clock.step(4)
        self._after_step(4)
        plan = await _in_slices(self._planner.planning(reading, states, now_ms), is_wanted)
        clock.step(5)
        self._after_step(5)
        offsets = {batch.topic: batch.next_offset for batch in batches} | reading.marks
        await self._write(tenure, offsets, plan, clock)
        self._meters.applied(batches, plan)
        return plan

    async def verify(self, tenure: Tenure) -> None:
        """Notice a store that has lost writes, or a partition that has moved, also while there is nothing to write."""
        await self._insist("redis", lambda: self._store.verify(tenure))

    async def sweep(self, tenure: Tenure, now_ms: int) -> int:
        """Look at the customers whose timer is due; returns how many there were."""
        due = await self._insist("redis", lambda: self._store.due(tenure.partition, now_ms, SWEEP_CUSTOMERS))
        if due.customers:
            clock = self._meters.clock()
            states = await self._states(tenure.partition, due.customers)
            plan = self._planner.sweep(tenure.partition, states, now_ms)
            await self._write(tenure, {TIMERS: tenure.offsets.get(TIMERS, 0) + 1}, plan, clock, due)
            self._meters.swept(len(due.customers), plan)
        return len(due.customers)

    async def _states(self, partition: int, customers: list[str]) -> Mapping[str, bytes | None]:
        """Step 4."""
        states = self._cache.read(partition, customers)
        missing = [customer for customer, record in states.items() if record is None]
        if missing:
            found = await self._insist("redis", lambda: self._store.read(partition, missing))
            states.update(zip(missing, found, strict=True))
        self._meters.cache(len(customers) - len(missing), len(missing))
        return states

    async def _write(
        self, tenure: Tenure, offsets: Mapping[str, int], plan: Plan, clock: StepClock, fired: Due | None = None
    ) -> None:
        """Steps 6 and 7."""
        parcel = Parcel(tenure.partition, tenure.epoch, tenure.sequence + 1, plan.messages)
        blob, sequence = pack(parcel), parcel.last_sequence
        await self._insist("redis", lambda: self._store.apply(tenure, offsets, plan, blob, sequence, fired))
        if self._epochs.get(tenure.partition) == tenure.epoch:
            # Else the partition was taken anew meanwhile, and its cache may hold newer states already.
            self._cache.put(tenure.partition, plan.states)
            self._cache.forget(tenure.partition, plan.removed)
        clock.step(6)
        self._after_step(6)
        if blob:
            await self._publish(tenure, parcel)
        clock.step(7)
        self._after_step(7)

    async def _publish(self, tenure: Tenure, parcel: Parcel) -> None:
        """Step 7."""
        await self._insist("kafka", lambda: self._publisher.publish(parcel))
        await self._insist("redis", lambda: self._store.trim(tenure, parcel.last_sequence))

    async def _insist(self, server: str, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a server, however long it takes: an outage pauses the partition and loses nothing.

        Every call here is one that may be repeated. The lane's end, not a time-out, is what gives up.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = await call()
            except (Unavailable, Unpublished) as error:
                self._meters.outage(server, str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._meters.answered(server)
                return answer


async def _in_slices(pieces: Generator[None, None, T], is_wanted: Callable[[], bool]) -> T:
    """The result of work in slices; between them everybody else has a turn."""
    work = Work(pieces)
    for _ in work:
        await asyncio.sleep(0)
        if not is_wanted():
            raise Unwanted
    return work.result
