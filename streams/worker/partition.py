"""A partition worker: it applies one assigned partition, one write at a time, and handles the store's refusals."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from time import time
from typing import Final, Protocol, TypeVar

import structlog
from aiokafka.errors import KafkaError

from schemas.topics import ROUTED
from streams.clients.topic_facts import TopicFacts
from streams.definitions.builds import FIRST
from streams.stores.store import DROPPED, Damaged, Fenced, Lease, Lost
from streams.worker.again import parted, published_before
from streams.worker.changeover import STEP_EVERY_S, Changeover
from streams.worker.commit import FIRST_PAUSE_S, LONGEST_PAUSE_S, Commit
from streams.worker.in_slices import Unwanted
from streams.worker.metrics import WorkerMetrics
from streams.worker.queue import AlignedQueue
from streams.worker.transport import Bounds, FetchedBatch
from tracker.planning.decode import EARLIEST_MS, FUTURE_MS
from tracker.planning.partition_clock import PartitionClock
from tracker.planning.plan import PartitionBatch
from tracker.planning.timestamps import is_plausible, restamped

T = TypeVar("T")
log = structlog.get_logger()

# Drop-offs are counted within about a second, and lost writes are noticed as soon where nothing is written.
SWEEP_EVERY_S: Final = 1.0
GRACE_S: Final = 4.0
"""How long a batch in progress may take when the partition is revoked; the rebalance waits for it."""


class PartitionReader(Protocol):
    """What a partition worker needs of the consumer."""

    async def start_at(self, partition: int, epoch: int, offsets: dict[str, int]) -> None:
        """Read a partition of some topics from these offsets on."""

    async def bounds(self, topics: Iterable[str], partition: int) -> dict[str, Bounds]:
        """What Kafka holds of the partition in each topic."""

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """The consumer group's offsets; topics without one are left out."""

    async def uncommit(self, topics: Iterable[str], partition: int) -> None:
        """Set the consumer group's offsets back to 0."""

    async def facts(self, topics: Iterable[str]) -> dict[str, TopicFacts]:
        """Ids and numbers of partitions; topics that do not exist are left out."""

    def is_at_end(self, topic: str, partition: int, applied: int) -> bool:
        """Whether no readable record lies behind offset `applied`."""

    def hold(self, topic: str, partition: int) -> None:
        """Pause the reading of a topic-partition."""

    def release(self, topic: str, partition: int) -> None:
        """Resume the reading of a topic-partition."""


class PartitionWorker:
    """Takes its partition, then applies what is put into it until it is closed.

    `fenced` is called when another process has taken the partition before Kafka revoked it here, `failed` with an
    error that cannot be handled; both end the process.
    """

    def __init__(
        self,
        partition: int,
        topics: tuple[str, ...],
        reader: PartitionReader,
        commit: Commit,
        metrics: WorkerMetrics,
        fenced: Callable[[str], None],
        failed: Callable[[BaseException], None],
        wall_s: Callable[[], float] = time,
        build: str = FIRST,
    ) -> None:
        self.partition = partition
        self.lease: Lease | None = None
        self._topics = topics
        self._reader = reader
        self._commit = commit
        self._metrics = metrics
        self._fenced = fenced
        self._failed = failed
        self._wall_s = wall_s
        self._clock = PartitionClock(topics)
        self._waiting = AlignedQueue(
            topics,
            hold=lambda topic: reader.hold(topic, partition),
            release=lambda topic: reader.release(topic, partition),
        )
        self._changeover = Changeover(build, self._waiting, commit)
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._expected: dict[str, int] = {}
        """By topic, the offset after the last batch that was taken up."""
        self._newest_ms: dict[str, int] = {}
        """By topic, the newest timestamp of the last batch that came."""
        self._sweep_at_s = 0.0
        self._is_anew = False
        self._cursor: int | None = 0
        """Where the look at states of earlier definitions goes on; None once all were looked at."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name=f"partition-{partition}")

    def put(self, delivery: FetchedBatch, acknowledge: Callable[[], object]) -> None:
        """Step 1: queue a batch."""
        if not self._closing:
            self._waiting.put(self._with_plausible_times(delivery), acknowledge)

    def _with_plausible_times(self, delivery: FetchedBatch) -> FetchedBatch:
        batch, wall_ms = delivery.batch, int(self._wall_s() * 1000)
        if not is_plausible(batch, wall_ms):
            batch, count = restamped(batch, self._newest_ms.get(batch.topic, 0), wall_ms)
            self._metrics.restamped(batch.topic, count)
            delivery = replace(delivery, batch=batch)
        if EARLIEST_MS <= batch.newest_ms <= wall_ms + FUTURE_MS:
            self._newest_ms[batch.topic] = batch.newest_ms
        return delivery

    def compare(self, ids: Mapping[str, str]) -> None:
        """Take the partition anew, before the next batch, where a topic has another id than the one that is read."""
        self._is_anew = self._is_anew or (self.lease is not None and bool(self.lease.anew(ids)))

    @property
    def waiting_records(self) -> int:
        """How many records are queued."""
        return self._waiting.records

    @property
    def is_at_rest(self) -> bool:
        """Whether the partition is taken, no batch is queued and none is in progress."""
        return self.lease is not None and self._waiting.empty and self._idle.is_set()

    @property
    def caught_up(self) -> bool:
        """Whether the partition has been read to its end in every topic."""
        return self.lease is not None and self._clock.caught_up

    async def close(self) -> None:
        """Apply no further batch. One that is being written gets `GRACE_S` to end; one before step 6 is abandoned."""
        self._closing = True
        try:
            async with asyncio.timeout(GRACE_S):
                await self._idle.wait()
        except TimeoutError:
            log.warning("partition closed over a batch in progress", partition=self.partition)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._waiting.clear()

    async def _run(self) -> None:
        try:
            await self._take()
            while not self._closing:
                await self._next()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, the process must not go on without it
            self._failed(error)

    async def _take(self, damage: str = "") -> None:
        self._is_anew = False
        self._newest_ms.clear()
        lease = await self._commit.take(self.partition, damage=damage)
        await self._commit.follow(lease)
        self._cursor = 0
        # Before the bounds: if a topic is created anew in between, the older id is stored, and the change is noticed.
        facts = await self._patiently(lambda: self._reader.facts(self._topics))
        anew = await self._note_topics(lease, {topic: known.id for topic, known in facts.items()})
        self._changeover.reset()
        bounds = await self._patiently(lambda: self._reader.bounds(self._topics, self.partition))
        start = {topic: await self._start(topic, lease, bound) for topic, bound in bounds.items()}
        committed = await self._patiently(lambda: self._reader.committed(self._topics, self.partition))
        had_come_to = self.lease.offsets if self.lease is not None else {}
        published = published_before(bounds, start, lease.published, committed, had_come_to, anew=anew)
        if any(published.values()):
            log.warning("reading again what was applied before", partition=self.partition, until=published)
            # Nobody knows which drop-offs the last owner came to see. Those before now were, but for those in a time
            # without workers; to act on a drop-off twice is worse than to leave one of those out.
            published[DROPPED] = int(self._wall_s() * 1000)
        if published:
            await self._commit.note_published(lease, published)
        self._expected = dict(start)
        self._clock = PartitionClock(self._topics)
        for topic, bound in bounds.items():
            if start[topic] >= bound.stable:
                # A topic that is read to its end must not hold back the partition's time, though it brings no batch.
                self._clock.saw(topic, 0, caught_up=True)
        # The lease is set before reading begins: a batch can only come with an epoch that is known here.
        self.lease = lease
        await self._reader.start_at(self.partition, lease.epoch, start)
        log.info(
            "partition taken",
            partition=self.partition, epoch=lease.epoch, generation=lease.generation, offsets=start,
        )  # fmt: skip

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Kafka's answer, however long it takes."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await ask()
            except (KafkaError, OSError, TimeoutError) as error:
                self._metrics.outage("kafka", f"{type(error).__name__}: {error}")
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _note_topics(self, lease: Lease, ids: Mapping[str, str]) -> set[str]:
        """Remember the ids of the topics; returns those that were created anew, whose offsets are forgotten."""
        anew = lease.anew(ids)
        if anew:
            # First: an offset of the former topic in the group would make what is new look as if published before.
            await self._patiently(lambda: self._reader.uncommit(anew, self.partition))
        await self._commit.note_topics(lease, ids, anew)
        return anew

    async def _start(self, topic: str, lease: Lease, bound: Bounds) -> int:
        """The offset to read from: the store's, or the first one that Kafka still has."""
        applied = lease.offsets.get(topic)
        if applied is not None and bound.first <= applied <= bound.end:
            return applied
        if applied is not None and applied > bound.end:
            log.error(
                "kafka holds less than was applied: was the topic created anew? reading it from its beginning",
                topic=topic, partition=self.partition, applied=applied, end=bound.end,
            )  # fmt: skip
        elif bound.first > (applied or 0):
            await self._commit.miss(lease, topic, applied or 0, bound.first)
        return bound.first

    async def _next(self) -> None:
        if self._is_anew:
            await self._guard(self._take())
        if self._loop.time() >= self._sweep_at_s:
            await self._guard(self._sweep())
        look_at_s = self._sweep_at_s
        if self._takes_part:
            await self._guard(self._stand())
            look_at_s = self._loop.time() + STEP_EVERY_S
        try:
            async with asyncio.timeout_at(look_at_s):
                await self._waiting.ready(self._clock.behind)
        except TimeoutError:
            return
        await self._guard(self._apply())

    @property
    def _takes_part(self) -> bool:
        """Whether a switch is under way, or this partition still stands after one."""
        return self.lease is not None and (self._changeover.stands or self._commit.turn(self.lease).partner is not None)

    async def _stand(self) -> None:
        """Take part in a switch."""
        lease = self.lease
        assert lease is not None
        await self._commit.follow(lease)
        at = {topic: offset for topic, offset in self._expected.items() if topic != ROUTED}
        await self._changeover.step(lease, self._commit.turn(lease), at, self._now_ms(), lambda: not self._closing)
        # Who stands still for a switch is no more stalled than who has nothing to do.
        self._metrics.progressing()

    def _now_ms(self) -> int:
        """The partition's present moment, which stands while the partition does."""
        stopped_ms = self._changeover.now_ms
        return self._clock.now(int(self._wall_s() * 1000)) if stopped_ms is None else stopped_ms

    async def _guard(self, work: Awaitable[None]) -> None:
        """Do one piece of work and handle the store's refusals (docs/delivery.md, *What the store answers*)."""
        self._idle.clear()
        try:
            await work
        except Unwanted:
            log.info("batch left to the next owner", partition=self.partition)
        except Damaged as error:
            self._metrics.refused("lost")
            await self._take(str(error))
        except Lost as error:
            log.warning("store has lost writes; reading again from where it stands", reason=str(error))
            self._metrics.refused("lost")
            await self._take()
        except Fenced as error:
            log.warning("write refused: the partition has moved", reason=str(error))
            self._metrics.refused("fenced")
            # A partition that Kafka has revoked already may be another's: only a surprise ends the process.
            if not self._closing:
                self._fenced(str(error))
        finally:
            self._idle.set()

    async def _apply(self) -> None:
        """Steps 1 and 8, with the commit between them."""
        lease = self.lease
        assert lease is not None
        taken = self._waiting.take(lease.epoch)
        self._metrics.stale(taken.stale)
        if self._closing or not taken.batches:
            return
        if self._takes_part:
            # Another partition may know that the switch is done and have sent what lies here: it was told after that,
            # or is to be told after that, by the other build. So this one must know it too before it writes.
            await self._commit.has_followed(lease)
        wall_ms = int(self._wall_s() * 1000)
        # Every topic is noted before the time is taken, so that one commit sees one moment.
        for batch, caught_up in taken.batches:
            self._clock.saw(batch.topic, batch.newest_ms, caught_up=caught_up)
        batches = [batch for batch, _ in taken.batches]
        for batch in batches:
            await self._check_gap(lease, batch)
        now_ms = self._now_ms()
        for part, again in parted(batches, lease.published):
            await self._commit.batch(lease, part, now_ms, wall_ms, lambda: not self._closing, again=again)
        for topic, end_offset in taken.ends.items():
            self._metrics.lag(self.partition, topic, end_offset - lease.offsets[topic])
        for acknowledge in taken.acknowledge:
            acknowledge()

    async def _check_gap(self, lease: Lease, batch: PartitionBatch) -> None:
        """Report records that Kafka deleted before this worker had read them."""
        expected, first = self._expected[batch.topic], batch.records[0].offset
        self._expected[batch.topic] = batch.next_offset
        # A gap of one offset is the marker of a transaction, not a loss. For a wider gap Kafka is asked: compaction
        # and aborted transactions leave gaps too, and only offsets before the first one that Kafka holds are lost.
        if first <= expected + 1:
            return
        bounds = await self._patiently(lambda: self._reader.bounds([batch.topic], self.partition))
        bound = bounds[batch.topic]
        if bound.first > expected:
            await self._commit.miss(lease, batch.topic, expected, min(first, bound.first))

    async def _sweep(self) -> None:
        """Handle the timers that are due; it stops after a sweep when batches wait."""
        assert self.lease is not None
        await self._commit.verify(self.lease)
        if self._changeover.stands:
            self._sweep_at_s = self._loop.time() + SWEEP_EVERY_S
            return
        await self._follow(self.lease)
        for topic in self._clock.behind:
            # No batch ever brings the offset of a transaction's marker, so its topic would seem to be behind for ever.
            if self._reader.is_at_end(topic, self.partition, self.lease.offsets.get(topic, 0)):
                self._clock.saw(topic, 0, caught_up=True)
        # One look a second is the pace under load; without load the next one comes at once.
        goes_on = self.lease.left and self._cursor is not None and self._waiting.empty
        self._sweep_at_s = 0.0 if goes_on else self._loop.time() + SWEEP_EVERY_S
        while await self._commit.sweep(self.lease, self._clock.now(int(self._wall_s() * 1000))):
            if self._closing or not self._waiting.empty:
                # More timers may be due: the next sweep comes right after the waiting batch.
                self._sweep_at_s = 0.0
                return
        if self.lease.published.get(DROPPED) and self._clock.caught_up:
            # All that was due has been looked at: drop-offs that come to light from now on are new.
            await self._commit.note_published(self.lease, {DROPPED: 0})

    async def _follow(self, lease: Lease) -> None:
        """Write by the newest definitions from now on, and look at some states that may be of earlier ones."""
        before = lease.revision
        await self._commit.follow(lease)
        if lease.revision != before:
            self._cursor = 0
        if lease.left and self._cursor is not None:
            self._cursor = await self._commit.migrate(lease, self._cursor, self._clock.now(int(self._wall_s() * 1000)))
