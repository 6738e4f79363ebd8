"""A partition worker: one assigned partition, one write at a time, whichever topics a batch comes from."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import time
from typing import Final, Protocol, TypeVar

import structlog
from aiokafka.errors import KafkaError

from streams.stores.store import DROPPED, Damaged, Fenced, Lease, Lost
from streams.worker.again import parted, published_before
from streams.worker.commit import FIRST_PAUSE_S, LONGEST_PAUSE_S, Commit, Unwanted
from streams.worker.metrics import WorkerMetrics
from streams.worker.queue import AlignedQueue
from streams.worker.transport import Bounds, FetchedBatch
from tracker.planning.partition_clock import PartitionClock
from tracker.planning.plan import PartitionBatch

T = TypeVar("T")
log = structlog.get_logger()

SWEEP_EVERY_S: Final = 1.0
GRACE_S: Final = 4.0
"""How long a batch in progress may take when the partition is revoked; Kafka waits for us meanwhile."""


class PartitionReader(Protocol):
    """What a partition worker needs of the consumer."""

    async def start_at(self, partition: int, epoch: int, offsets: dict[str, int]) -> None:
        """Read a partition of some topics from these offsets on."""

    async def bounds(self, topics: Iterable[str], partition: int) -> dict[str, Bounds]:
        """What Kafka holds of the partition in each topic."""

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """The consumer group's offsets; topics without one are left out."""

    def is_at_end(self, topic: str, partition: int, applied: int) -> bool:
        """Whether nothing lies behind offset `applied` but what is no record."""

    def hold(self, topic: str, partition: int) -> None:
        """Read no more of it for now."""

    def release(self, topic: str, partition: int) -> None:
        """Read on."""


class PartitionWorker:
    """Takes its partition, then applies what is put into it until it is closed.

    `fenced` is called when another process has taken the partition without our having been told, `failed` with
    what cannot be handled; both end the process.
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
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._expected: dict[str, int] = {}
        """By topic, the offset after the last batch that was taken up."""
        self._sweep_at_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name=f"partition-{partition}")

    def put(self, delivery: FetchedBatch, acknowledge: Callable[[], object]) -> None:
        """Step 1: the next batch waits for its turn."""
        if not self._closing:
            self._waiting.put(delivery, acknowledge)

    @property
    def waiting_records(self) -> int:
        """How many records wait for their turn."""
        return self._waiting.records

    @property
    def is_at_rest(self) -> bool:
        """Whether the partition is taken, nothing waits and nothing is in progress."""
        return self.lease is not None and self._waiting.empty and self._idle.is_set()

    @property
    def caught_up(self) -> bool:
        """Whether the partition has been read to its end in every topic."""
        return self.lease is not None and self._clock.caught_up

    async def close(self) -> None:
        """Finish the batch in progress, if it is being written and does not take too long, and apply no other."""
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
        lease = await self._commit.take(self.partition, damage)
        bounds = await self._patiently(lambda: self._reader.bounds(self._topics, self.partition))
        start = {topic: await self._start(topic, lease, bound) for topic, bound in bounds.items()}
        committed = await self._patiently(lambda: self._reader.committed(self._topics, self.partition))
        had_come_to = self.lease.offsets if self.lease is not None else {}
        told = published_before(bounds, start, lease.told, committed, had_come_to)
        if any(told.values()):
            log.warning("reading again what was applied before", partition=self.partition, until=told)
            # Nobody knows which drop-offs the last owner came to see. Those before now were, but for those in a time
            # without workers; to act on a drop-off twice is worse than to leave one of those out.
            told[DROPPED] = int(self._wall_s() * 1000)
        if told:
            await self._commit.tell(lease, told)
        self._expected = dict(start)
        self._clock = PartitionClock(self._topics)
        for topic, bound in bounds.items():
            if start[topic] >= bound.end:
                self._clock.saw(topic, 0, caught_up=True)
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

    async def _start(self, topic: str, lease: Lease, bound: Bounds) -> int:
        """Where to read on: at the store's offset, or as near to it as Kafka still has."""
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
        if self._loop.time() >= self._sweep_at_s:
            await self._guard(self._sweep())
        try:
            async with asyncio.timeout_at(self._sweep_at_s):
                await self._waiting.ready(self._clock.behind)
        except TimeoutError:
            return
        await self._guard(self._apply())

    async def _guard(self, work: Awaitable[None]) -> None:
        """Do one piece of work; a refusal by the store is answered here."""
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
            # Whoever is letting go anyway, because Kafka said so first, need not end.
            if not self._closing:
                self._fenced(str(error))
        finally:
            self._idle.set()

    async def _apply(self) -> None:
        lease = self.lease
        assert lease is not None
        taken = self._waiting.take(lease.epoch)
        self._metrics.stale(taken.stale)
        if self._closing or not taken.batches:
            return
        wall_ms = int(self._wall_s() * 1000)
        for batch, caught_up in taken.batches:
            self._clock.saw(batch.topic, batch.newest_ms, caught_up=caught_up)
        batches = [batch for batch, _ in taken.batches]
        for batch in batches:
            await self._check_gap(lease, batch)
        now_ms = self._clock.now(wall_ms)
        for part, again in parted(batches, lease.told):
            await self._commit.batch(lease, part, now_ms, wall_ms, lambda: not self._closing, again=again)
        for topic, end_offset in taken.ends.items():
            self._metrics.lag(self.partition, topic, end_offset - lease.offsets[topic])
        for acknowledge in taken.acknowledge:
            acknowledge()

    async def _check_gap(self, lease: Lease, batch: PartitionBatch) -> None:
        """Notice that Kafka deleted records before a worker that is slow came to them."""
        expected, first = self._expected[batch.topic], batch.records[0].offset
        self._expected[batch.topic] = batch.next_offset
        # A gap of one is the mark of a transaction, and no loss.
        if first <= expected + 1:
            return
        bounds = await self._patiently(lambda: self._reader.bounds([batch.topic], self.partition))
        bound = bounds[batch.topic]
        if bound.first > expected:
            await self._commit.miss(lease, batch.topic, expected, min(first, bound.first))

    async def _sweep(self) -> None:
        """Look at those whose timer is due; batches that wait get a turn in between."""
        assert self.lease is not None
        await self._commit.verify(self.lease)
        for topic in self._clock.behind:
            # A transaction's mark is an offset that no batch ever brings.
            if self._reader.is_at_end(topic, self.partition, self.lease.offsets.get(topic, 0)):
                self._clock.saw(topic, 0, caught_up=True)
        self._sweep_at_s = self._loop.time() + SWEEP_EVERY_S
        while await self._commit.sweep(self.lease, self._clock.now(int(self._wall_s() * 1000))):
            if self._closing or not self._waiting.empty:
                self._sweep_at_s = 0.0
                return
        if self.lease.told.get(DROPPED) and self._clock.caught_up:
            # All that was due has been looked at: drop-offs that come to light from now on are new.
            await self._commit.tell(self.lease, {DROPPED: 0})
