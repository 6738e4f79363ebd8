import asyncio

import pytest
from faust.types import TP

from streams.errors import ExitCode, Mismatch
from streams.worker.ownership import Ownership, check_home
from streams.worker.transport import FetchedBatch
from tests.flow.harness import INPUTS, WEB, Worker, World
from tests.touchpoints import Record, residents, touchpoint
from tests.virtual_time import run
from tracker.planning.plan import PartitionBatch


def everything(*partitions: int) -> set[TP]:
    return {TP(topic, number) for topic in INPUTS for number in partitions}


def test_a_home_is_the_same_partition_of_every_topic() -> None:
    """An assignment that splits no customer is as good as its partitions; other topics do not matter."""
    assigned = everything(0, 2) | {TP("somebody.else", 7)}
    assert check_home(assigned, frozenset(INPUTS)) == {0, 2}


@pytest.mark.parametrize("missing", INPUTS)
def test_half_a_home_stops_the_worker(missing: str) -> None:
    """One partition without one of its topics: a clear line, a remedy and the exit code for what does not match."""
    with pytest.raises(Mismatch) as caught:
        check_home(everything(0, 1) - {TP(missing, 1)}, frozenset(INPUTS))
    assert caught.value.exit_code is ExitCode.MISMATCH
    assert "partition 1" in caught.value.message
    assert missing in caught.value.message
    assert "tracker topics" in caught.value.remedy


def test_a_partition_beyond_the_stores_last_stops_the_worker() -> None:
    """Topics that got more partitions hold customers whose home is another: the remedy is to move all."""
    owner = Ownership(frozenset(INPUTS), lambda _partition: None, wanted=2)
    owner.assign(everything(0, 1))
    with pytest.raises(Mismatch, match="TRACKER_PARTITIONS=2") as caught:
        owner.assign(everything(1, 2))
    assert "tracker repartition --to 3" in caught.value.remedy


def test_half_a_home_opens_no_partition() -> None:
    """The check comes before anything is taken or let go."""

    async def scenario() -> None:
        worker = Worker(World(partitions=2))
        await worker.own(0)
        one = worker.ownership.partitions[0]
        with pytest.raises(Mismatch):
            worker.ownership.assign(everything(0, 1) - {TP(WEB, 1)})
        assert worker.ownership.partitions == {0: one}
        await worker.stop()

    run(scenario())


def test_it_is_ready_once_everything_is_taken() -> None:
    """Nothing assigned is nothing to wait for; a partition counts when the store has given it."""

    async def scenario() -> None:
        worker = Worker(World(partitions=2))
        assert not worker.ownership.ready, "the group has not assigned anything"
        worker.ownership.is_member = True
        assert worker.ownership.ready
        worker.ownership.assign(everything(0, 1))
        assert not worker.ownership.ready
        await worker.settle()
        assert worker.ownership.ready
        await worker.stop()

    run(scenario())


def test_a_new_assignment_takes_everything_anew() -> None:
    """After a rebalance no partition goes on under its old epoch, kept or new."""

    async def scenario() -> None:
        world = World(partitions=3)
        worker = Worker(world)
        await worker.own(0, 1)
        before = {number: one.lease.epoch for number, one in worker.ownership.partitions.items()}
        await worker.own(1, 2)
        after = {number: one.lease.epoch for number, one in worker.ownership.partitions.items()}
        assert set(after) == {1, 2}
        assert after[1] > before[1]
        assert worker.ended == []
        await worker.stop()

    run(scenario())


def test_a_rebalance_in_the_midst_of_work_loses_and_doubles_nothing() -> None:
    """Assigned again while batches are waiting and in progress: every touchpoint counts once."""

    async def scenario() -> None:
        world = World(partitions=2)
        for name in [*residents(0, 2, 30), *residents(1, 2, 30)]:
            world.produce(WEB, touchpoint(name), to=name)
        worker = Worker(world, batch=3)
        for _ in range(5):
            worker.ownership.assign(everything(0, 1))
            await asyncio.sleep(0.02)
            for tp in worker._unread():
                worker._fetch(tp)
        await worker.settle()
        assert (len(world.states()), world.figure("retail|visits|seen")) == (60, 60)
        assert world.figures() == world.contributions()
        assert worker.ended == []
        await worker.stop()

    run(scenario())


def test_a_batch_of_nobodys_partition_is_let_go() -> None:
    """It came after its partition was revoked: whoever has it now reads it."""

    async def scenario() -> None:
        worker = Worker(World(partitions=2))
        await worker.own(0)
        worker.ownership.put(
            FetchedBatch(PartitionBatch(WEB, 1, [Record(0, b"")]), 1, 1), lambda: pytest.fail("acknowledged")
        )
        await worker.stop()
        assert worker.ownership.partitions == {}

    run(scenario())


def test_two_workers_share_and_hand_over() -> None:
    """A partition goes from one to the other with its figures; the old owner's cache and epoch are worth nothing."""

    async def scenario() -> None:
        world = World(partitions=2)
        one, two = Worker(world), Worker(world)
        await one.own(0, 1)
        mover = residents(1, 2, 1)[0]
        world.produce(WEB, touchpoint(mover), to=mover)
        await one.settle()
        await one.ownership.revoke(everything(0, 1))
        await one.own(0)
        await two.own(1)
        world.produce(WEB, touchpoint(mover, "Product Added"), to=mover)
        await two.settle()
        assert world.figure("retail|visits|cart") == 1
        assert world.figures() == world.contributions()
        assert one.ended == two.ended == []
        await one.stop()
        await two.stop()

    run(scenario())
