"""A partition worker: one partition, one batch at a time, from its taking to its end."""

import asyncio
from itertools import pairwise

from faust.types import TP

from streams.worker.commit import Commit
from streams.worker.partition import GRACE_S, SWEEP_EVERY_S
from streams.worker.transport import FetchedBatch
from tests.flow.harness import INPUTS, SHOP, SUPPORT, WEB, Worker, World
from tests.streams.worker.one_partition import OnePartition, produce, taken, until
from tests.touchpoints import Record, residents, touchpoint
from tests.virtual_time import run
from tracker.planning.plan import PartitionBatch


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
    """Another owner has the partition before Kafka revoked it here: only a fresh start is safe."""

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
    """A fault of the tracker is reported once, and the partition worker applies nothing after it."""

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
