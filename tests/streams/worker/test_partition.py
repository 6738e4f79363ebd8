"""A partition worker: one partition, one batch at a time, from its taking to its end."""

import asyncio
import copy
from collections.abc import Callable
from itertools import pairwise

from faust.types import TP

from streams.stores.memory import Held
from streams.worker.commit import Commit
from streams.worker.partition import GRACE_S, SWEEP_EVERY_S, PartitionWorker
from streams.worker.transport import FetchedBatch
from tests.flow.harness import INPUTS, SHOP, SUPPORT, WEB, Worker, World
from tests.touchpoints import Record, residents, touchpoint
from tests.virtual_time import run
from tracker.planning.plan import PartitionBatch


class OnePartition(Worker):
    """A worker with one partition, whose batches a test may hold up in step 4."""

    def __init__(self, world: World | None = None, **options) -> None:
        super().__init__(world or World(partitions=1), **options)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0
        read = self.world.store.read

        async def held_up(*args):
            self.reads += 1
            await self.gate.wait()
            return await read(*args)

        self.world.store.read = held_up

    @property
    def partition(self) -> PartitionWorker:
        return self.ownership.partitions[0]

    def delivery(self, *names: str, topic: str = WEB, at: int = 0, epoch: int | None = None) -> FetchedBatch:
        records = [Record(at + place, touchpoint(name)) for place, name in enumerate(names)]
        lease_epoch = self.partition.lease.epoch if epoch is None else epoch
        return FetchedBatch(PartitionBatch(topic, 0, records), lease_epoch, at + len(names))

    def put(self, delivery: FetchedBatch) -> None:
        self.partition.put(delivery, lambda: self.acknowledged.append(delivery))

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def taken(**options) -> OnePartition:
    worker = OnePartition(**options)
    await worker.own(0)
    return worker


def produce(world: World, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        world.produce(WEB, touchpoint(f"c{number}"), to=0)


async def until(condition: Callable[[], object]) -> None:
    """In virtual time: fails by the loop's own bound."""
    while not condition():  # noqa: ASYNC110  # the condition is anything
        await asyncio.sleep(0.01)


def test_a_partition_reads_from_the_stores_offsets() -> None:
    """Whatever Kafka's group offset says: reading begins after what was applied, under the new epoch."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 10)
        world.store.held(0).offsets = {WEB: 4}
        worker = OnePartition(world)
        await worker.own(0)
        assert len(world.states()) == 6
        assert worker._epochs[0] == world.store.held(0).epoch == 1
        await worker.stop()

    run(scenario())


def test_batches_are_applied_one_at_a_time_and_then_acknowledged() -> None:
    """A batch waits for the one before it, and is acknowledged when it is written."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        one, two = worker.delivery("ann"), worker.delivery("bob", topic=SHOP)
        worker.put(one)
        worker.put(two)
        await asyncio.sleep(3)
        assert (worker.reads, worker.acknowledged) == (1, [])
        worker.gate.set()
        await until(lambda: len(worker.acknowledged) == 2)
        assert worker.acknowledged == [one, two]
        await worker.stop()

    run(scenario())


def test_a_topic_whose_batches_wait_is_held() -> None:
    """Nothing more of it is read until its turn has come, which is what bounds memory."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        worker.put(worker.delivery("ann"))
        await asyncio.sleep(0.1)
        worker.put(worker.delivery("bob", at=1))
        assert (worker.held, worker.partition.waiting_records) == (set(), 1)
        worker.put(worker.delivery("cyd", at=2))
        assert (worker.held, worker.partition.waiting_records) == ({TP(WEB, 0)}, 2)
        worker.gate.set()
        await until(lambda: len(worker.acknowledged) == 3)
        assert (worker.held, worker.partition.waiting_records) == (set(), 0)
        await worker.stop()

    run(scenario())


def test_topics_are_applied_in_step() -> None:
    """Of a backlog, what is applied together belongs to the same time; the rest of a batch waits for its own."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        worker.put(worker.delivery("zed", topic=SUPPORT))
        await asyncio.sleep(0.1)
        epoch = worker.partition.lease.epoch
        web = [Record(at, touchpoint(f"w{at}"), timestamp=1000 * at) for at in range(10)]
        shop = [Record(at, touchpoint(f"s{at}"), timestamp=3000 * at) for at in range(10)]
        worker.put(FetchedBatch(PartitionBatch(WEB, 0, web), epoch, 50))
        worker.put(FetchedBatch(PartitionBatch(SHOP, 0, shop), epoch, 50))
        worker.gate.set()
        await until(lambda: worker.world.store.held(0).offsets.get(SHOP))
        assert worker.world.store.held(0).offsets == {SUPPORT: 1, WEB: 10, SHOP: 4}
        await until(lambda: worker.world.store.held(0).offsets[SHOP] == 10)
        await worker.stop()

    run(scenario())


def test_closing_finishes_the_batch_in_progress_and_starts_no_other() -> None:
    """What is half done is done; what waits is left to the next owner."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        one, two = worker.delivery("ann"), worker.delivery("bob", at=1)
        worker.put(one)
        worker.put(two)
        await asyncio.sleep(0.1)
        closing = asyncio.ensure_future(worker.stop())
        await asyncio.sleep(1)
        worker.gate.set()
        await closing
        assert worker.acknowledged == [one]
        assert worker.world.store.held(0).offsets == {WEB: 1}

    run(scenario())


def test_closing_does_not_wait_for_ever() -> None:
    """A store that does not answer keeps a rebalance for the grace at most; nothing of the batch is written."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        worker.put(worker.delivery("ann"))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await worker.stop()
        assert GRACE_S <= asyncio.get_running_loop().time() - began < GRACE_S + 1
        worker.gate.set()
        await asyncio.sleep(1)
        assert (worker.world.store.held(0).offsets, worker.ended) == ({}, [])

    run(scenario())


def test_a_batch_of_another_epoch_is_dropped() -> None:
    """It was read before the partition was taken or rewound, and will be read again."""

    async def scenario() -> None:
        worker = await taken()
        worker.put(worker.delivery("ann", epoch=7))
        await asyncio.sleep(1)
        assert worker.count("tracker_batches_stale_total") == 1
        assert (worker.world.states(), worker.acknowledged) == ({}, [])
        await worker.stop()

    run(scenario())


def test_a_fenced_partition_ends_the_process() -> None:
    """Another owner has the partition without our having been told: only a fresh start is safe."""

    async def scenario() -> None:
        worker = await taken()
        await worker.world.store.take(0, 0)
        worker.put(worker.delivery("ann"))
        await until(lambda: worker.ended)
        assert "Fenced" in repr(worker.ended) or worker.count("tracker_writes_refused_total", why="fenced") == 1
        assert worker.world.states() == {}
        await worker.crash()

    run(scenario())


def test_a_partition_fenced_while_it_closes_is_quiet() -> None:
    """The next owner was quick: nobody's fault, and nothing to end for."""

    async def scenario() -> None:
        worker = await taken()
        worker.gate.clear()
        worker.put(worker.delivery("ann"))
        await asyncio.sleep(0.1)
        closing = asyncio.ensure_future(worker.stop())
        await asyncio.sleep(0.1)
        await worker.world.store.take(0, 0)
        worker.gate.set()
        await closing
        assert worker.ended == []
        assert worker.count("tracker_writes_refused_total", why="fenced") == 1

    run(scenario())


def test_a_batch_that_is_not_written_yet_is_left_to_the_next_owner() -> None:
    """Whoever lets go does not first finish a long batch: nothing of it is written, the next owner applies it."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 3_000)
        stopping = []

        def stop(step: int) -> None:
            if step == 1:
                stopping.append(asyncio.create_task(worker.stop()))

        worker = Worker(world, batch=3_000, after_step=stop)
        worker.ownership.assign(TP(topic, 0) for topic in INPUTS)
        while not stopping:
            for tp in worker._unread():
                worker._fetch(tp)
            await asyncio.sleep(0.01)
        await stopping[0]
        assert (world.store.held(0).writes, worker.acknowledged, worker.ended) == (0, [], [])
        heir = Worker(world, batch=3_000)
        await heir.own(0)
        assert len(world.states()) == 3_000
        await heir.stop()

    run(scenario())


def test_a_store_that_lost_writes_is_built_again_from_where_it_stands() -> None:
    """The worker takes its partition anew, rewinds to the store's offsets, and what was lost counts again."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 5)
        worker = OnePartition(world)
        await worker.own(0)
        saved = copy.deepcopy(world.store.held(0))
        produce(world, 5, first=5)
        await worker.settle()
        world.store.partitions[0] = saved
        world.produce(SHOP, touchpoint("c7", "Order Completed", channel="shop"), to=0)
        await worker.settle()
        assert (len(world.states()), worker.ended) == (10, [])
        assert world.figures() == world.contributions()
        assert world.figure("retail|visits|seen") == 10
        assert worker.count("tracker_writes_refused_total", why="lost") == 1
        await worker.stop()

    run(scenario())


def test_a_store_that_lost_everything_is_built_again_from_kafka() -> None:
    """Emptied under a running worker: noticed by the next write, and all is as before."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 5)
        worker = OnePartition(world)
        await worker.own(0)
        figures = world.figures()
        world.store.partitions[0] = Held()
        world.produce(SHOP, b"{", to=0)
        await worker.settle()
        assert world.figures() == figures == world.contributions()
        await worker.stop()

    run(scenario())


def test_what_kafka_no_longer_holds_is_said_and_skipped(capsys) -> None:
    """Touchpoints that were never applied are gone: counted, logged, and the rest is applied."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 10)
        world.store.held(0).offsets = {WEB: 2}
        world.forget(TP(WEB, 0), 6)
        worker = OnePartition(world)
        await worker.own(0)
        assert sorted(world.states()) == ["c6", "c7", "c8", "c9"]
        assert worker.count("tracker_touchpoints_missing_total", topic=WEB) == 4
        assert world.store.held(0).missing == {f"{WEB}:2": 6}
        await worker.stop()

    run(scenario())
    assert "no longer holds" in capsys.readouterr().out


def test_records_deleted_before_a_slow_worker_came_are_said(capsys) -> None:
    """Retention that overtakes a reader is told; a gap of one, as a transaction leaves, is not."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 3)
        worker = OnePartition(world)
        await worker.own(0)
        worker.put(worker.delivery("ann", at=4))
        await until(lambda: world.store.held(0).offsets[WEB] == 5)
        assert world.store.held(0).missing == {}
        produce(world, 20, first=3)
        world.forget(TP(WEB, 0), 9)
        worker.put(worker.delivery("bob", at=9))
        await until(lambda: world.store.held(0).offsets[WEB] == 10)
        assert world.store.held(0).missing == {f"{WEB}:5": 9}
        assert worker.count("tracker_touchpoints_missing_total", topic=WEB) == 4
        await worker.stop()

    run(scenario())
    assert "no longer holds" in capsys.readouterr().out


def test_a_new_store_says_what_kafka_has_forgotten_already() -> None:
    """Built again from a topic whose beginning is gone: the figures are not those of all time, and that is said."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 10)
        world.forget(TP(WEB, 0), 6)
        worker = OnePartition(world)
        await worker.own(0)
        assert worker.count("tracker_touchpoints_missing_total", topic=WEB) == 6
        await worker.stop()

    run(scenario())


def test_retention_of_what_was_applied_is_no_loss() -> None:
    """Kafka may forget what the store has."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 10)
        world.store.held(0).offsets = {WEB: 6}
        world.forget(TP(WEB, 0), 6)
        worker = OnePartition(world)
        await worker.own(0)
        assert worker.count("tracker_touchpoints_missing_total", topic=WEB) == 0
        assert len(world.states()) == 4
        await worker.stop()

    run(scenario())


def test_a_topic_created_anew_is_read_from_its_beginning(capsys) -> None:
    """Kafka holds less than was applied: it is another topic, and all that it has is new."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 3)
        world.store.held(0).offsets = {WEB: 500}
        worker = OnePartition(world)
        await worker.own(0)
        assert len(world.states()) == 3
        assert world.store.held(0).offsets[WEB] == 3
        await worker.stop()

    run(scenario())
    assert "created anew" in capsys.readouterr().out


def test_a_broker_that_is_away_is_waited_for_before_reading() -> None:
    """A partition is taken as soon as Kafka says what it holds."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 3)
        worker = OnePartition(world)
        bounds, failures = worker.bounds, [OSError("away")] * 4

        async def flaky(*args):
            if failures:
                raise failures.pop()
            return await bounds(*args)

        worker.bounds = flaky
        await worker.own(0)
        assert len(world.states()) == 3
        assert worker.count("tracker_outages_total", server="kafka") == 4
        assert worker.metrics.away == set()
        await worker.stop()

    run(scenario())


def test_what_cannot_be_handled_ends_the_process() -> None:
    """A fault of ours is told once, and the partition worker applies nothing after it."""

    async def scenario() -> None:
        worker = await taken()

        async def broken(*_args):
            raise ZeroDivisionError

        worker.world.store.apply = broken
        worker.put(worker.delivery("ann"))
        await until(lambda: worker.ended)
        worker.put(worker.delivery("bob"))
        await asyncio.sleep(2)
        assert [type(reason) for reason in worker.ended] == [ZeroDivisionError]
        await worker.crash()

    run(scenario())


def test_it_is_caught_up_when_every_topic_is() -> None:
    """A partition that was never written to is caught up at once; one behind is when its end was read."""

    async def scenario() -> None:
        worker = await taken()
        assert worker.partition.caught_up
        worker.put(FetchedBatch(worker.delivery("ann").batch, worker.partition.lease.epoch, 50))
        await asyncio.sleep(0.5)
        assert not worker.partition.caught_up
        worker.put(worker.delivery("ann", at=49))
        await asyncio.sleep(0.5)
        assert worker.partition.caught_up
        await worker.stop()

    run(scenario())


def test_timers_are_looked_at_between_batches() -> None:
    """At least once in the time between sweeps, however many batches come."""

    async def scenario() -> None:
        worker = await taken()
        moments: list[float] = []
        sweep = Commit.sweep

        async def noted(*args):
            moments.append(asyncio.get_running_loop().time())
            return await sweep(worker.commit, *args)

        worker.commit.sweep = noted
        for at in range(100):
            worker.put(worker.delivery("ann", at=at))
            await asyncio.sleep(0.1)
        gaps = [after - before for before, after in pairwise(moments)]
        assert len(moments) >= 8
        assert max(gaps) <= SWEEP_EVERY_S + 0.2
        await worker.stop()

    run(scenario())


def test_many_timers_due_do_not_keep_batches_waiting() -> None:
    """A thousand customers at a time, and a batch in between."""

    async def scenario() -> None:
        world = World(partitions=1)
        names = residents(0, 1, 2_500)
        for name in names:
            world.produce(WEB, touchpoint(name), to=0)
        worker = OnePartition(world, batch=5_000)
        await worker.own(0)
        world.turn(3 * 86_400_000)
        worker.gate.clear()
        worker.commit._cache.drop(0)
        await until(lambda: worker.reads > 1)
        meanwhile: list[int] = []
        note = lambda: meanwhile.append(world.figure("retail|dropoffs|seen"))  # noqa: E731
        worker.partition.put(worker.delivery("new", at=2_500), note)
        worker.gate.set()
        await worker.settle()
        assert meanwhile == [1_001], "one round of the others, and the new one, whose touchpoint is old too"
        assert world.figure("retail|dropoffs|seen") == 2_501
        await worker.stop()

    run(scenario())
