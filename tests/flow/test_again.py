"""What was published before and is published again after a loss says so; what is new does not."""

import copy
from collections.abc import Callable

import pytest
from faust.types import TP

from schemas.topics import TRANSITIONS
from schemas.transition import Transition
from streams.sdk.repeats import Repeats, transition_id
from tests.flow.harness import WEB, Worker, World
from tests.touchpoints import DAY_MS, touchpoint
from tests.virtual_time import run

ALL = range(30)


def visit(world: World, numbers: range) -> None:
    for number in numbers:
        world.produce(WEB, touchpoint(f"c{number}", at_ms=world.now_ms), to=f"c{number}")


async def worked(world: World) -> list[Transition]:
    """What a worker publishes who takes all partitions, applies what waits and ends."""
    world.batches.clear()
    worker = Worker(world, batch=7)
    await worker.own()
    assert not worker.ended
    await worker.stop()
    return world.transitions()


def emptied(world: World) -> None:
    world.store.partitions.clear()


def without_states(world: World) -> None:
    for held in world.store.partitions.values():
        held.states.clear()


@pytest.mark.parametrize("lose", [emptied, without_states])
def test_transitions_of_a_rebuild_say_again(lose: Callable[[World], None]) -> None:
    """All that had been published, drop-offs too, and nothing that came while the workers were away."""

    async def scenario() -> None:
        world = World()
        visit(world, ALL)
        first = await worked(world)
        assert [one.kind for one in first] == ["entered"] * len(ALL)
        world.turn(5 * DAY_MS)
        visit(world, range(100, 101))
        dropped = [one for one in await worked(world) if one.kind == "dropped"]
        assert len(dropped) == len(ALL)
        lose(world)
        visit(world, range(200, 230))
        second = await worked(world)
        new = {f"c{number}" for number in range(200, 230)}
        assert {one.customer for one in second if not one.again} == new
        assert {one.customer for one in second if one.again} == {one.customer for one in first} | {"c100"}

    run(scenario())


def test_a_store_of_an_hour_ago_says_again_what_it_had_come_to_since() -> None:
    """A copy is put back: what was applied after it is published again, and says so."""

    async def scenario() -> None:
        world = World()
        visit(world, ALL)
        await worked(world)
        saved = copy.deepcopy(world.store.partitions)
        visit(world, range(100, 110))
        since = await worked(world)
        world.store.partitions = saved
        visit(world, range(200, 205))
        second = await worked(world)
        assert {one.customer for one in second if one.again} == {one.customer for one in since}
        assert {one.customer for one in second if not one.again} == {f"c{number}" for number in range(200, 205)}

    run(scenario())


def test_a_consumer_acts_once() -> None:
    """Whoever reads with `Repeats` through an emptied store gets each transition once."""

    async def scenario() -> None:
        world = World()
        visit(world, ALL)
        await worked(world)
        emptied(world)
        visit(world, range(100, 110))
        await worked(world)
        repeats, ids = Repeats(), []
        for partition in range(world.partitions):
            for record in world.logs[TP(TRANSITIONS, partition)]:
                if repeats.is_new(Read(TRANSITIONS, partition, record.headers)):
                    assert record.value is not None
                    ids.append(transition_id(record.value))
        assert len(ids) == len(set(ids)) == len(ALL) + 10
        assert repeats.again == len(ALL)

    run(scenario())


class Read:
    """A record as a consumer gets it."""

    def __init__(self, topic: str, partition: int, headers: object) -> None:
        self.topic, self.partition, self.headers = topic, partition, headers
