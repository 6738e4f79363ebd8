"""Losses: what a partition worker does when Redis has lost writes, or Kafka records."""

import copy

from faust.types import TP

from streams.stores.memory import Held
from tests.flow.harness import SHOP, WEB, World
from tests.streams.worker.one_partition import OnePartition, produce, until
from tests.touchpoints import touchpoint
from tests.virtual_time import run


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
    """Retention that overtakes a reader is reported; a gap of one, as a transaction leaves, is not."""

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
