"""Topics that were created anew: what a partition reads again, what stays, and what the store remembers."""

import asyncio

from faust.types import TP

from schemas.topics import ROUTED
from streams.stores.store import Lease
from streams.worker.renewal import renewal
from tests.flow.harness import INPUTS, SHOP, WEB, World
from tests.streams.worker.one_partition import OnePartition, produce
from tests.touchpoints import touchpoint
from tests.virtual_time import run


def a_world() -> World:
    """One whose Kafka gives ids."""
    world = World(partitions=1)
    world.ids = dict.fromkeys(INPUTS, "first")
    return world


def create_anew(world: World, topic: str, topic_id: str = "second") -> None:
    world.logs[TP(topic, 0)] = []
    world.ids[topic] = topic_id


def lease(topics: dict[str, str], offsets: dict[str, int] | None = None) -> Lease:
    return Lease(0, 1, offsets or {}, 0, [], 0, topics=topics)


def test_a_longer_topic_is_no_longer_taken_for_the_former_one(capsys) -> None:
    """It holds more than was applied, and all of it is applied; what the former topic brought stays counted."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 3)
        first = OnePartition(world)
        await first.own(0)
        await first.stop()
        create_anew(world, WEB)
        produce(world, 9, first=10)
        heir = OnePartition(world)
        await heir.own(0)
        assert sorted(world.states()) == sorted([f"c{number}" for number in (0, 1, 2, *range(10, 19))])
        assert world.figures() == world.contributions()
        held = world.store.held(0)
        assert (held.offsets[WEB], held.topics[WEB], held.topics[f"before {WEB}"]) == (9, "second", "first 3")
        assert held.topics[SHOP] == "first"
        assert not any(one.again for one in world.transitions())
        await heir.stop()

    run(scenario())
    assert capsys.readouterr().out.count("created anew") == 1


def test_a_topic_created_anew_under_the_worker_is_read_from_its_beginning() -> None:
    """What was read of it before that was noticed counts once."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 3)
        worker = OnePartition(world)
        await worker.own(0)
        create_anew(world, WEB)
        produce(world, 9, first=10)
        await worker.settle()
        assert len(world.states()) == 9, "three records lie below the offset of the former topic"
        worker.partition.compare(world.ids)
        await asyncio.sleep(2)
        await worker.settle()
        assert len(world.states()) == 12
        assert world.figures() == world.contributions()
        assert world.figure("retail|visits|seen") == 12
        await worker.stop()

    run(scenario())


def test_what_a_topic_created_anew_brings_is_new() -> None:
    """The group's offset of the former topic marks nothing of it as published before, also after the next take."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 6)
        first = OnePartition(world)
        await first.own(0)
        await first.stop()
        assert world.committed[TP(WEB, 0)] == 6
        create_anew(world, WEB)
        produce(world, 9, first=10)
        for _ in range(2):
            heir = OnePartition(world, batch=2)
            await heir.own(0)
            await heir.stop()
        assert len(world.transitions()) == 15
        assert not any(one.again for one in world.transitions())

    run(scenario())


def test_touchpoints_that_come_again_in_a_topic_created_anew_count_once() -> None:
    """Whoever sends the former topic's content again changes nothing."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 5)
        first = OnePartition(world)
        await first.own(0)
        await first.stop()
        figures, log = world.figures(), world.logs[TP(WEB, 0)]
        create_anew(world, WEB)
        for record in log:
            world.produce(WEB, record.value, to=0)
        produce(world, 4, first=5)
        heir = OnePartition(world)
        await heir.own(0)
        assert world.figure("retail|visits|seen") == 9 == figures["retail|visits|seen"] + 4
        await heir.stop()

    run(scenario())


def test_a_broker_without_ids_is_judged_by_its_offsets() -> None:
    """Nothing is stored of its topics, and a shorter topic is still known to be another one."""

    async def scenario() -> None:
        world = World(partitions=1)
        produce(world, 5)
        first = OnePartition(world)
        await first.own(0)
        await first.stop()
        assert world.store.held(0).topics == {}
        create_anew(world, WEB, "")
        produce(world, 2, first=10)
        heir = OnePartition(world)
        await heir.own(0)
        assert len(world.states()) == 7
        await heir.stop()

    run(scenario())


def test_a_store_without_ids_takes_the_present_ones() -> None:
    """An earlier version left offsets alone: reading goes on there."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 10)
        world.store.held(0).offsets = {WEB: 4}
        worker = OnePartition(world)
        await worker.own(0)
        assert len(world.states()) == 6
        assert world.store.held(0).topics == dict.fromkeys(INPUTS, "first")
        await worker.stop()

    run(scenario())


def test_a_broker_that_lags_behind_is_not_believed() -> None:
    """The id of the topic that was there before never comes back, nor is an unknown id one."""
    known = lease({WEB: "second", f"before {WEB}": "first 7"})
    assert known.anew({WEB: "first"}) == known.anew({WEB: "second"}) == known.anew({WEB: ""}) == set()
    assert known.anew({SHOP: "any"}) == set()
    assert known.anew({WEB: "third"}) == {WEB}


def test_generations_of_the_former_routed_topic_came_first() -> None:
    """Their marks stay, since what they sent may come again, and are forgotten before those of the new topic."""
    known = lease({ROUTED: "a"}, {ROUTED: 500, "from 1 x": 7, "since 1 x": 90, "timers": 3})
    fields, offsets = renewal(known, {ROUTED: "b"}, {ROUTED})
    assert fields == {ROUTED: "b", f"before {ROUTED}": "a 500"}
    assert offsets == {ROUTED: 0, "since 1 x": -1}


def test_touchpoints_of_another_topic_are_not_read_again() -> None:
    """Only the topic that was created anew begins again."""

    async def scenario() -> None:
        world = a_world()
        produce(world, 3)
        world.produce(SHOP, touchpoint("c1", "Order Completed", channel="shop"), to=0)
        first = OnePartition(world)
        await first.own(0)
        await first.stop()
        create_anew(world, WEB)
        heir = OnePartition(world)
        await heir.own(0)
        assert world.store.held(0).offsets[SHOP] == 1
        assert heir._at[TP(SHOP, 0)] == 1
        await heir.stop()

    run(scenario())
