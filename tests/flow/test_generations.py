"""Messages between partitions where the store was emptied, clocks are wrong, or headers are forged."""

from collections.abc import Sequence

import pytest

from schemas.topics import ROUTED
from tests.flow.harness import SHOP, WEB, Worker, World
from tests.touchpoints import HOUR_MS, touchpoint
from tests.virtual_time import run

PARTITIONS = 4
FAR = 10**17


def visit(world: World, numbers: Sequence[int]) -> None:
    """Each visitor looks at a page without a name, and then buys under one."""
    for number in numbers:
        at_ms = world.now_ms + number
        ids = {"anonymous_id": f"a{number}"}
        world.produce(WEB, touchpoint("", at_ms=at_ms, ids=ids), to=f"anonymous_id:a{number}")
        bought = touchpoint("", "Order Completed", at_ms + 1, channel="shop", ids={"customer_id": f"c{number}", **ids})
        world.produce(SHOP, bought, to=f"c{number}")


def linked(world: World, numbers: Sequence[int]) -> int:
    """How many of the customers have the visit that came under their anonymous name."""
    states = world.states()
    found = [world.journeys.contribution(states[f"c{number}"]) for number in numbers if f"c{number}" in states]
    return sum("retail|visits|seen" in each for each in found)


async def worked(world: World) -> Worker:
    worker = Worker(world)
    await worker.own()
    assert not worker.ended
    await worker.stop()
    return worker


def test_a_worker_ahead_and_an_empty_store_end_no_linking() -> None:
    """A worker 50 minutes ahead, then an emptied store and a clock that is right: everybody is linked."""

    async def scenario() -> None:
        world = World(PARTITIONS)
        world.turn(50 * 60_000)
        visit(world, range(40))
        await worked(world)
        assert linked(world, range(40)) == 40
        world.turn(-50 * 60_000)
        world.store.partitions.clear()
        await worked(world)
        visit(world, range(40, 80))
        worker = await worked(world)
        assert linked(world, range(80)) == 80
        assert worker.metrics.registry.get_sample_value("tracker_routed_repeats_total") == 0

    run(scenario())


def test_a_store_of_an_older_version_goes_on() -> None:
    """Epochs made of a clock and marks without generations stand: nothing is built anew, and everybody is linked."""

    async def scenario() -> None:
        world = World(PARTITIONS)
        for partition in range(PARTITIONS):
            held = world.store.held(partition)
            held.epoch = world.now_ms + HOUR_MS
            held.offsets = {f"from {sender}": (world.now_ms + HOUR_MS) << 48 | 7 for sender in range(4)}
        visit(world, range(40))
        await worked(world)
        assert linked(world, range(40)) == 40
        assert all(held.epoch == world.now_ms + HOUR_MS + 1 for held in world.store.partitions.values())

    run(scenario())


@pytest.mark.parametrize("name", ["none", "unknown", "the sender's"])
def test_forged_numbers_silence_nobody(name: str) -> None:
    """A huge epoch under a partition's name, without a generation, with an invented one or with the real one."""

    async def scenario() -> None:
        world = World(PARTITIONS)
        visit(world, range(20))
        worker = Worker(world)
        await worker.own()
        for sender in range(PARTITIONS):
            real = world.store.held(sender).generations[0]
            generation = {
                "none": [],
                "unknown": [("generation", b"f0f0")],
                "the sender's": [("generation", real.encode())],
            }
            for to in range(PARTITIONS):
                numbers = [("partition", b"%d" % sender), ("epoch", b"%d" % FAR), ("sequence", b"7"), *generation[name]]
                world.produce(ROUTED, touchpoint("nobody"), to=to, headers=numbers)
        await worker.settle()
        visit(world, range(20, 60))
        await worker.settle()
        assert not worker.ended
        await worker.stop()
        assert linked(world, range(60)) == 60

    run(scenario())


def test_what_an_owner_sends_again_is_dropped_and_counted() -> None:
    """Messages that come twice under their numbers are dropped, and the store keeps how many there were."""

    async def scenario() -> None:
        world = World(PARTITIONS)
        visit(world, range(10))
        await worked(world)
        before = world.states()
        for batch in list(world.batches):
            world.delivered(batch)
        worker = await worked(world)
        assert world.states() == before
        sent = [message for batch in world.batches[: len(world.batches) // 2] for message in batch.messages]
        repeats = sum(message.topic == ROUTED for message in sent)
        fields = [each for held in world.store.partitions.values() for each in held.offsets.items()]
        assert sum(count for field, count in fields if field.startswith("repeats ")) == repeats
        assert worker.metrics.registry.get_sample_value("tracker_routed_repeats_total") == repeats

    run(scenario())
