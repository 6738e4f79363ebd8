"""Kafka timestamps of 1970 and 2100: what they must not do to a partition's time."""

import pytest

from streams.worker import partition as module
from tests.flow.harness import WEB, World
from tests.streams.worker.one_partition import OnePartition
from tests.touchpoints import DAY_MS, START_MS, touchpoint
from tests.virtual_time import run

IN_1970_MS, IN_2100_MS, AHEAD_MS = 5_000, 4_102_444_800_000, START_MS + 60 * DAY_MS


def backlog(strange_ms: int) -> World:
    """Ten people who come every day for ten days, read a month later; one record bears a strange timestamp."""
    world = World(partitions=1)
    for day in range(10):
        for number in range(10):
            at_ms = START_MS + day * DAY_MS + number
            stamp_ms = strange_ms if (day, number) == (1, 3) else at_ms
            world.produce(WEB, touchpoint(f"c{number}", event_id=f"{day} {number}", at_ms=at_ms), to=0, at_ms=stamp_ms)
    world.turn(30 * DAY_MS)
    return world


def dropped(world: World) -> int:
    return sum(one.kind == "dropped" for one in world.transitions())


async def applied(world: World) -> OnePartition:
    worker = OnePartition(world, batch=7)
    await worker.own(0)
    await worker.stop()
    return worker


@pytest.mark.parametrize("strange_ms", [IN_1970_MS, IN_2100_MS, AHEAD_MS])
def test_one_wrong_clock_drops_nobody_else(strange_ms: int) -> None:
    """Everybody drops off once, in the end, as without it; the record is counted."""

    async def scenario() -> None:
        world, plain = backlog(strange_ms), backlog(START_MS + DAY_MS + 3)
        worker = await applied(world)
        await applied(plain)
        assert dropped(world) == dropped(plain) == 10
        assert world.figures() == plain.figures()
        replaced = worker.count("tracker_timestamps_replaced_total", topic=WEB)
        assert replaced == (strange_ms != AHEAD_MS), "less than a year ahead stays with its record"

    run(scenario())


def test_without_the_look_at_timestamps_everybody_would_drop_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(module, "is_plausible", lambda *_args: True)

    async def scenario() -> None:
        world = backlog(IN_2100_MS)
        await applied(world)
        assert dropped(world) > 10

    run(scenario())
