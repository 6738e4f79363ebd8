"""The commit: one batch through the numbered steps of docs/delivery.md.

1. take a batch: the records of one topic-partition, in order, with the records of the same time from the partition's
   other topics (`streams/worker/partition.py` passes them in);
2. decode: touchpoints, or rejections that hold the original bytes, the reason and the place;
3. resolve identity; touchpoints whose home is another partition become messages to `journey.routed`;
4. read the states that the cache does not hold: one round trip;
5. fold: a plan of new states, aggregate changes, timers, outgoing messages;
6. one atomic write, fenced by the partition's epoch;
7. publish the outbox and await the broker; trim it;
8. acknowledge (the partition worker does, when this returns).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import structlog
from msgspec import MsgspecError

from schemas.topics import ROUTED
from streams.clients.outbox import OutboxBatch, pack, unpack
from streams.clients.publisher import Publisher, Unpublished
from streams.definitions.builds import Turn, prefix_of
from streams.definitions.switching import Standstill, read_standstill, written
from streams.errors import ConfigurationError
from streams.stores.keys import is_topic
from streams.stores.store import DROPPED, Due, Lease, Store, Unavailable
from streams.worker.cache import Cache
from streams.worker.halving import Unforeseen, describe, frames, without_culprits
from streams.worker.in_slices import in_slices
from streams.worker.metrics import WorkerMetrics
from streams.worker.planners import Planners
from streams.worker.renewal import renewal
from streams.worker.step_clock import StepClock
from streams.worker.sweeping import LOGGED, swept
from tracker.planning.outdated import outdated
from tracker.planning.plan import PartitionBatch, Plan, Reading

T = TypeVar("T")
log = structlog.get_logger()

# The first pause is shorter than a failover. The longest is short, so that work resumes soon after the failover.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
# One sweep looks at no more customers, so that waiting batches get a turn between two sweeps.
SWEEP_CUSTOMERS: Final = 1000
TIMERS: Final = "timers"
"""The name under which sweeps count an offset of their own. The store recognises a repeated write by its offsets, and
a sweep reads no topic."""
MIGRATED: Final = 1000
"""States that are looked at together after a change of definitions; it takes a partition about 15 ms."""


class Moments(NamedTuple):
    """The two times of a batch, in milliseconds since 1970, and whether it is read again."""

    now_ms: int
    """The partition's clock, by which customers are quiet."""
    wall_ms: int
    """The wall clock, at which records were read and rejected."""
    again: bool
    """Whether what follows from the batch was published before."""


class Commit:
    """Carries batches out. It has no Kafka consumer: the partition worker decides what is read next."""

    def __init__(
        self,
        planners: Planners,
        store: Store,
        publisher: Publisher,
        cache: Cache,
        metrics: WorkerMetrics,
        after_step: Callable[[int], None] = lambda _step: None,
    ) -> None:
        self._planners = planners
        self._store = store
        self._publisher = publisher
        self._cache = cache
        self._metrics = metrics
        self._after_step = after_step
        self._epochs: dict[int, int] = {}
        """By partition, the epoch of its newest lease: the one that may fill the cache."""

    async def take(self, partition: int, *, damage: str = "") -> Lease:
        """A new lease of the partition, after the outbox that its last owner left has been published and trimmed.

        `damage` says what is missing of the partition. If there is any, or if the store finds any, all that Kafka holds
        is removed, and the lease has no offsets.
        Raises ConfigurationError where TRACKER_ID_SALT differs from the one under which names were erased.
        """
        # First: another owner may have written since these records were cached.
        self._cache.drop(partition)
        # In an emptied store epochs begin again. Within this process they go on, for batches that were read under an
        # earlier one are distinguished from newer ones by their epoch.
        floor_epoch = self._epochs.get(partition, 0) + 1
        lease = await self._insist("redis", lambda: self._store.take(partition, floor_epoch))
        if damage or lease.damage:
            log.error(
                "redis has lost keys of a partition; building it again from kafka",
                partition=partition, lost=damage or lease.damage,
            )  # fmt: skip
            lease = await self._rebuilt(lease)
        turn = self.turn(lease)
        if not turn.speaks and not any(map(is_topic, lease.offsets)):
            # Here, before anything of the build is there: erased names must not come back in it.
            await self._insist("redis", lambda: self._store.adopt(lease, prefix_of(turn.served)))
        if not self._planners.planner(lease.revision).erasure.is_own(lease.suppressed):
            raise ConfigurationError(
                "TRACKER_ID_SALT is not the one under which customers were erased: they would come back.",
                "Set it to the value that it had then.",
            )
        self._epochs[partition] = lease.epoch
        # Before any new batch: consumers drop repeats by the rising order of (epoch, sequence), and a message that
        # came after newer ones would be dropped as a repeat.
        for blob in lease.outbox:
            try:
                batch = unpack(blob)
            except MsgspecError as error:
                # No worker wrote it, so nothing of it can be published.
                log.error("the outbox holds what is no batch", partition=partition, bytes=len(blob), reason=str(error))  # noqa: TRY400
                continue
            await self._publish(lease, batch)
        lease.outbox.clear()
        return lease

    def turn(self, lease: Lease) -> Turn:
        """What the partition may do under the revision by which it is written."""
        return self._planners.turn(lease.revision)

    async def stand(self, lease: Lease, standstill: Standstill) -> None:
        """Note where the partition stands still during a switch."""
        await self._insist("redis", lambda: self._store.stand(lease, written(standstill)))

    async def standing(self, partition: int, turn: Turn, build: str) -> Standstill | None:
        """Where the partition of a build stands still in this switch."""
        stored = await self._insist("redis", lambda: self._store.standing(partition, prefix_of(build)))
        return read_standstill(stored, turn.revision)

    async def note_published(self, lease: Lease, published: Mapping[str, int]) -> None:
        """Remember before what everything was published, so that what follows from reading it again says so."""
        await self._insist("redis", lambda: self._store.note_published(lease, published))

    async def note_topics(self, lease: Lease, ids: Mapping[str, str], anew: Collection[str]) -> None:
        """Remember the ids of the topics; those created `anew` are read from their beginning, and that is logged."""
        fields, offsets = renewal(lease, ids, anew)
        for topic in sorted(anew):
            log.error(
                "a topic was created anew; reading it from its beginning, and what was counted of the former one stays",
                topic=topic, partition=lease.partition, applied=lease.offsets.get(topic, 0), id=ids[topic],
            )  # fmt: skip
        if fields:
            await self._insist("redis", lambda: self._store.note_topics(lease, fields, offsets))

    async def follow(self, lease: Lease) -> None:
        """Move the partition's marker to the newest revision of the definitions, where it is at another one."""
        if lease.revision > self._planners.revision:
            await self._insist("redis", lambda: self._planners.refresh(lease.revision))
        newest = self._planners.revision
        if lease.revision == newest:
            return
        states = lease.sizes.states if lease.sizes else 1
        left = states if lease.left or self._planners.changed(lease.revision) else 0
        before = lease.revision
        await self._insist("redis", lambda: self._store.mark(lease, newest, left))
        log.info("definitions followed", partition=lease.partition, before=before, revision=newest, outdated=left)

    async def migrate(self, lease: Lease, cursor: int, now_ms: int) -> int | None:
        """Bring about `MIGRATED` states to the present definitions, from `cursor` on; returns where to go on.

        All states were looked at when that is None. A state that cannot be read, or is of a definition that nobody
        has, is left as it is, and stays counted in the marker: the figures are not complete. Its customer's next
        touchpoint ends the worker.
        """
        scan = self._store.scan
        after, records = await self._insist("redis", lambda: scan(lease.partition, cursor, MIGRATED))
        planner = self._planners.planner(lease.revision)
        found = outdated(planner.journeys, records)
        lease.stuck = found.unknown + (lease.stuck if cursor else 0)
        if found.unknown:
            log.error("states cannot be migrated", partition=lease.partition, states=found.unknown, reason=found.reason)
        if found.records:
            clock = self._metrics.clock()
            plan = await swept(planner, lease, found.records, now_ms)
            await self._write(lease, {TIMERS: lease.offsets.get(TIMERS, 0) + 1}, plan, clock)
            self._metrics.migrated(len(found.records))
        left = max(1, lease.stuck, lease.left - len(records)) if after else lease.stuck
        await self._insist("redis", lambda: self._store.mark(lease, lease.revision, left))
        return after or None

    async def _rebuilt(self, damaged: Lease) -> Lease:
        """The partition without what Kafka brings again."""
        self._metrics.rebuilt()
        await self._insist("redis", lambda: self._store.rebuild(damaged))
        return await self._insist("redis", lambda: self._store.take(damaged.partition, damaged.epoch + 1))

    async def miss(self, lease: Lease, topic: str, first: int, end: int) -> None:
        """Count, log and store the offsets from `first` to before `end`: never applied, and no longer in Kafka."""
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
        """Steps 2 to 7 for a batch, or for several batches of one partition and of the same time.

        Steps 2, 3 and 5 run in slices, so that the partitions of a process share its core. A record with which they
        fail is rejected as `unforeseen`. Raises `Fenced`, `Lost` or `Damaged` when the store refuses step 6, and
        `Unwanted` when `is_wanted` returns False before it; nothing is written then. `again` marks the transitions as
        published before.
        """
        clock = self._metrics.clock()
        self._after_step(1)
        moments = Moments(now_ms, wall_ms, again)
        try:
            reading, plan = await self._planned(lease, batches, moments, is_wanted, self._states, self._reached(clock))
            if reading.counts["rejected:newer_version"] and await self.has_followed(lease):
                # Another partition wrote by a newer definition, which is in the record since before it did.
                reading, plan = await self._planned(lease, batches, moments, is_wanted, self._states)
        except Unforeseen as fault:
            reading, plan = await self._planned_in_part(lease, batches, moments, is_wanted, fault)
        clock.step(5)
        self._after_step(5)
        # The marks of routed messages are written with the offsets and the states. So a message that its sender
        # publishes again after a crash is recognised here, whenever this worker crashes too.
        offsets = {batch.topic: batch.next_offset for batch in batches} | reading.marks
        await self._write(lease, offsets, plan, clock)
        self._metrics.applied(batches, plan)
        return plan

    async def _planned(
        self,
        lease: Lease,
        batches: Sequence[PartitionBatch],
        moments: Moments,
        is_wanted: Callable[[], bool],
        read: Callable[[int, list[str]], Awaitable[Mapping[str, bytes | None]]],
        reached: Callable[[int], None] = lambda _step: None,
    ) -> tuple[Reading, Plan]:
        """Steps 2 to 5. Raises `Unforeseen` where the records, or a state, make the planner fail."""
        planner = self._planners.planner(lease.revision)
        work = planner.reading(lease.partition, batches, moments.wall_ms, lease.offsets, lease.suppressed)
        reading = await in_slices(work, is_wanted, self._metrics.progressing)
        reading.again, reading.dropped_before_ms = moments.again, lease.published.get(DROPPED, 0)
        reached(3)
        states = await read(reading.partition, reading.names())
        reached(4)
        planning = planner.planning(reading, states, moments.now_ms)
        return reading, await in_slices(planning, is_wanted, self._metrics.progressing)

    async def has_followed(self, lease: Lease) -> bool:
        """Look for a newer revision; whether there was one, by which the partition is written now."""
        before = lease.revision
        await self._insist("redis", self._planners.refresh)
        await self.follow(lease)
        return lease.revision != before

    def _reached(self, clock: StepClock) -> Callable[[int], None]:
        def reached(step: int) -> None:
            clock.step(step)
            self._after_step(step)

        return reached

    async def _planned_in_part(
        self,
        lease: Lease,
        batches: Sequence[PartitionBatch],
        moments: Moments,
        is_wanted: Callable[[], bool],
        fault: Unforeseen,
    ) -> tuple[Reading, Plan]:
        """Steps 2 to 5 without the records with which they fail; these are rejections of the plan.

        Raises what a state raises that cannot be folded without any record: it is to blame, and no touchpoint.
        """
        error = fault.__cause__ or fault
        log.error(
            "a batch cannot be planned; looking for the records",
            partition=lease.partition, fault=describe(error), frames=frames(error),
        )  # fmt: skip
        known: dict[str, bytes | None] = {}

        async def read(partition: int, names: list[str]) -> Mapping[str, bytes | None]:
            # Parts are planned many times; a state that the store does not have is asked for once.
            missing = [name for name in names if name not in known]
            if missing:
                known.update(await self._states(partition, missing))
            return known

        async def attempt(part: Sequence[PartitionBatch]) -> tuple[Reading, Plan]:
            # The search is work: a long one is no stall.
            self._metrics.progressing()
            return await self._planned(lease, part, moments, is_wanted, read)

        (reading, plan), culprits = await without_culprits(batches, attempt)
        planner = self._planners.planner(lease.revision)
        planner.sweep(lease.partition, known, moments.now_ms)
        for batch, record, error in culprits:
            planner.set_aside(plan, batch, record, describe(error), moments.wall_ms)
        log.error("records set aside", partition=lease.partition, records=len(culprits), first=[
            f"{batch.topic}/{batch.partition}/{record.offset}: {describe(error)}"
            for batch, record, error in culprits[:LOGGED]
        ])  # fmt: skip
        return reading, plan

    async def verify(self, lease: Lease) -> None:
        """Return when the store agrees with the lease. Raises `Lost` or `Fenced`, also while nothing is written."""
        await self._insist("redis", lambda: self._store.verify(lease))

    async def sweep(self, lease: Lease, now_ms: int) -> int:
        """Steps 4 to 7 for the customers whose timer is due, `SWEEP_CUSTOMERS` at most; returns how many there were."""
        due = await self._insist("redis", lambda: self._store.due(lease.partition, now_ms, SWEEP_CUSTOMERS))
        if due.customers:
            clock = self._metrics.clock()
            states = await self._states(lease.partition, due.customers)
            plan = await swept(self._planners.planner(lease.revision), lease, states, now_ms)
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
        """Steps 6 and 7; `fired` are the timers that the plan answers, which step 6 removes."""
        if not self.turn(lease).speaks:
            # Left out before step 6: whatever is in an outbox is to be published, whoever comes to do it.
            plan.messages = [message for message in plan.messages if message.topic == ROUTED]
        batch = OutboxBatch(lease.partition, lease.epoch, lease.sequence + 1, plan.messages, lease.generation)
        blob, sequence = pack(batch), batch.last_sequence
        await self._insist("redis", lambda: self._store.apply(lease, offsets, plan, blob, sequence, fired))
        if self._epochs.get(lease.partition) == lease.epoch:
            # After the write, so that a refused plan leaves no trace in the cache. Where the epochs differ, the
            # partition was taken anew meanwhile, and the cache may hold newer states already.
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

        Only calls that may be repeated are made through it. It never gives up; closing the partition cancels it.
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
