"""The whole application in memory: Kafka as lists, the store and the publisher in memory, a clock turned by hand.

All between Kafka's records and Redis' keys is the product's own: ownership, partitions, commit, planner, journeys.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from faust.types import TP

from schemas.rejection import Rejection
from schemas.topics import REJECTED, ROUTED, TRANSITIONS, touchpoint_topic
from schemas.transition import Transition
from streams.clients.outbox import OutboxBatch
from streams.clients.publisher import MemoryPublisher
from streams.clients.topic_facts import TopicFacts
from streams.definitions.builds import FIRST
from streams.stores.memory import MemoryStore
from streams.worker.cache import Cache
from streams.worker.commit import Commit
from streams.worker.metrics import WorkerMetrics
from streams.worker.ownership import Ownership
from streams.worker.partition import PartitionWorker
from streams.worker.planners import Planners
from streams.worker.transport import Bounds, FetchedBatch
from tests.one_planner import OnePlanner
from tests.touchpoints import START_MS, Record
from tracker.engine.customer import CustomerFold
from tracker.home import home
from tracker.identity.accounts import with_accounts
from tracker.identity.kinds import KINDS, Kinds
from tracker.journey.definition import Definition
from tracker.journey.file import read
from tracker.planning.marks import AGAIN, EPOCH, GENERATION, PARTITION, SEQUENCE
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner

WEB, SHOP, SUPPORT = (touchpoint_topic(channel) for channel in ("web", "shop", "support"))
INPUTS = (WEB, SHOP, SUPPORT, ROUTED)
JOURNEY = """
journey: retail
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web, type: Page Viewed}], drops_after: 2d}
  - {name: cart, touchpoints: [{channel: web, type: Product Added}], drops_after: 1d}
  - {name: bought, touchpoints: [{channel: shop, type: Order Completed}], goal: true}
  - {name: helped, touchpoints: [{channel: support}], optional: true, drops_after: 5d}
  - {name: again, touchpoints: [{channel: shop, type: Order Repeated}]}
"""


def definition(text: str = JOURNEY) -> Definition:
    """The journey in `text`, which must have no problems."""
    found, problems = read(text, "test.yaml")
    assert found is not None, problems
    return found


class Crash(BaseException):
    """A process that is gone between two instructions."""


class World:
    """What outlives a worker: Kafka, the store, and the clock."""

    def __init__(self, partitions: int = 2, journey: str = JOURNEY, kinds: Kinds = KINDS) -> None:
        self.partitions = partitions
        self.kinds = kinds
        self.journeys = CustomerFold(with_accounts([definition(journey)]))
        self.store = MemoryStore()
        self.now_ms = START_MS
        self.batches: list[OutboxBatch] = []
        self.logs: dict[TP, list[Record]] = defaultdict(list)
        self.firsts: dict[TP, int] = defaultdict(int)
        self.committed: dict[TP, int] = {}
        self.ids: dict[str, str] = {}
        """Of the topics; none, as an old broker has them, where a test gives none."""

    def turn(self, milliseconds: int) -> None:
        """The clock, forward."""
        self.now_ms += milliseconds

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        to: str | int,
        at_ms: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """A record for the partition of a customer, or for one by number."""
        partition = home(to, self.partitions) if isinstance(to, str) else to
        tp = TP(topic, partition)
        stamp = self.now_ms if at_ms is None else at_ms
        offset = self.firsts[tp] + len(self.logs[tp])
        self.logs[tp].append(Record(offset, value, str(to).encode(), stamp, headers))

    def delivered(self, batch: OutboxBatch) -> None:
        """A batch has come to the broker: its messages are in their topics."""
        self.batches.append(batch)
        generation = (GENERATION, batch.generation.encode())
        mark = ((PARTITION, b"%d" % batch.partition), (EPOCH, b"%d" % batch.epoch), generation)
        for sequence, message in enumerate(batch.messages, batch.first_sequence):
            headers = (*mark, (SEQUENCE, b"%d" % sequence), *([(AGAIN, b"1")] if message.again else []))
            self.produce(message.topic, message.value, to=message.partition, headers=headers)

    def forget(self, tp: TP, before: int) -> None:
        """Retention: Kafka no longer holds what lies before an offset."""
        self.logs[tp] = self.logs[tp][before - self.firsts[tp] :]
        self.firsts[tp] = before

    def records(self, tp: TP, offset: int, most: int) -> Sequence[Record]:
        """What a fetch brings."""
        start = offset - self.firsts[tp]
        return self.logs[tp][start : start + most]

    def published(self, topic: str) -> list[bytes]:
        """The messages of a topic, repeats left out, in the order of their numbers."""
        by_number: dict[tuple[int, str, int], bytes] = {}
        for batch in self.batches:
            for sequence, message in enumerate(batch.messages, batch.first_sequence):
                if message.topic == topic:
                    same = by_number.setdefault((batch.partition, batch.generation, sequence), message.value)
                    assert same == message.value, "a repeat is identical"
        return list(by_number.values())

    def transitions(self, customer: str | None = None) -> list[Transition]:
        """The transitions of a customer, or of all."""
        published = [msgspec.json.decode(value, type=Transition) for value in self.published(TRANSITIONS)]
        return [one for one in published if customer in (None, one.customer)]

    def rejections(self) -> list[Rejection]:
        """What was rejected."""
        return [msgspec.json.decode(value, type=Rejection) for value in self.published(REJECTED)]

    def states(self) -> dict[str, bytes]:
        """Every customer's record."""
        return {name: record for held in self.store.partitions.values() for name, record in held.states.items()}

    def figures(self) -> dict[str, int]:
        """The aggregates of all partitions, added up."""
        total: dict[str, int] = defaultdict(int)
        for held in self.store.partitions.values():
            for field, count in held.aggregates.items():
                total[field] += count
        return dict(total)

    def figure(self, field: str) -> int:
        """One aggregate."""
        return self.figures().get(field, 0)

    def contributions(self) -> dict[str, int]:
        """What the aggregates must be: the sum over all states."""
        total: dict[str, int] = defaultdict(int)
        for record in self.states().values():
            for field, count in self.journeys.contribution(record).items():
                total[field] += count
        return {field: count for field, count in total.items() if count}


class Worker:
    """One worker process, without a process."""

    def __init__(
        self,
        world: World,
        *,
        batch: int = 100,
        cache_bytes: int = 1_000_000,
        after_step: Callable[[int], None] = lambda _step: None,
        publisher: Any = None,
        planners: Planners | None = None,
        build: str = FIRST,
    ) -> None:
        self.world = world
        self.metrics = WorkerMetrics()
        self.publisher = publisher or MemoryPublisher(world.delivered)
        self.ended: list[object] = []
        self.acknowledged: list[tuple[str, int, int]] = []
        self._batch = batch
        self._planner = Planner(world.journeys, world.partitions, world.kinds)
        self._build = build
        self.commit = Commit(
            planners or OnePlanner(self._planner),
            world.store,
            self.publisher,
            Cache(cache_bytes),
            self.metrics,
            after_step,
        )
        self.ownership = Ownership(INPUTS, self._open)
        self.held: set[TP] = set()
        self._at: dict[TP, int] = {}
        self._epochs: dict[int, int] = {}

    def _open(self, partition: int) -> PartitionWorker:
        return PartitionWorker(
            partition, INPUTS, self, self.commit, self.metrics, self.ended.append, self.ended.append,
            lambda: self.world.now_ms / 1000, self._build,
        )  # fmt: skip

    async def start_at(self, partition: int, epoch: int, offsets: dict[str, int]) -> None:
        tps = {TP(topic, partition): offset for topic, offset in offsets.items()}
        self._at.update(tps)
        self.held.difference_update(tps)
        self._epochs[partition] = epoch

    def is_at_end(self, topic: str, partition: int, applied: int) -> bool:
        return False

    def hold(self, topic: str, partition: int) -> None:
        self.held.add(TP(topic, partition))

    def release(self, topic: str, partition: int) -> None:
        self.held.discard(TP(topic, partition))

    async def bounds(self, topics: Iterable[str], partition: int) -> dict[str, Bounds]:
        world = self.world
        tps = [TP(topic, partition) for topic in topics]
        ends = {tp: world.firsts[tp] + len(world.logs[tp]) for tp in tps}
        return {tp.topic: Bounds(world.firsts[tp], ends[tp], ends[tp]) for tp in tps}

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        tps = [TP(topic, partition) for topic in topics]
        return {tp.topic: self.world.committed[tp] for tp in tps if tp in self.world.committed}

    async def uncommit(self, topics: Iterable[str], partition: int) -> None:
        for topic in topics:
            self.world.committed.pop(TP(topic, partition), None)

    async def facts(self, topics: Iterable[str]) -> dict[str, TopicFacts]:
        return {topic: TopicFacts(self.world.ids.get(topic, ""), self.world.partitions) for topic in topics}

    async def own(self, *partitions: int) -> None:
        """Take these partitions (all where none are named) and apply what waits in them."""
        numbers = partitions or range(self.world.partitions)
        self.ownership.assign(TP(topic, number) for topic in INPUTS for number in numbers)
        await self.settle()

    async def settle(self) -> None:
        """Read until nothing is left and every partition has come to rest and looked at its timers."""
        while not self.ended and (self._unread() or not self._rests()):
            for tp in self._unread():
                if tp not in self.held:
                    self._fetch(tp)
            await asyncio.sleep(0.01)
        if not self.ended:
            await asyncio.sleep(1.5)
            if self._unread():
                await self.settle()

    def _unread(self) -> list[TP]:
        taken = [tp for tp in self._at if (one := self.ownership.partitions.get(tp.partition)) and one.lease]
        return [tp for tp in taken if self.world.records(tp, self._at[tp], 1)]

    def _rests(self) -> bool:
        taken = self.ownership.partitions.values()
        return all(one.is_at_rest for one in taken)

    def _fetch(self, tp: TP) -> None:
        records = self.world.records(tp, self._at[tp], self._batch)
        end = self.world.firsts[tp] + len(self.world.logs[tp])
        batch = PartitionBatch(tp.topic, tp.partition, records)
        self._at[tp] = batch.next_offset

        def acknowledge() -> None:
            self.acknowledged.append((tp.topic, tp.partition, batch.next_offset))
            self.world.committed[tp] = batch.next_offset

        self.ownership.put(FetchedBatch(batch, self._epochs[tp.partition], end), acknowledge)

    async def stop(self) -> None:
        """Let go, as on SIGTERM."""
        await self.ownership.revoke(TP("", number) for number in list(self.ownership.partitions))

    async def crash(self) -> None:
        """Gone without a word; whatever its tasks were about to do never happens."""
        tasks = [one._task for one in self.ownership.partitions.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def crash_at(*points: tuple[int, int]) -> Callable[[], Callable[[int], None]]:
    """Makers of `after_step` for one worker after the other, each of which crashes at its point: (step, how often)."""
    left = list(points)

    def make() -> Callable[[int], None]:
        if not left:
            return lambda _step: None
        step, times = left.pop(0)
        seen = iter(range(times - 1))

        def after(number: int) -> None:
            if number == step and next(seen, None) is None:
                raise Crash

        return after

    return make


async def run_through(world: World, crashes: Callable[[], Callable[[int], None]], *, batch: int = 100) -> int:
    """Workers one after the other until one lives to the end; returns how many it took."""
    workers = 0
    while True:
        workers += 1
        worker = Worker(world, batch=batch, after_step=crashes())
        await worker.own()
        if not worker.ended:
            await worker.stop()
            return workers
        assert all(isinstance(reason, Crash) for reason in worker.ended), worker.ended
        await worker.crash()
