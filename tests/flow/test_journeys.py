"""Touchpoints through the whole application, from Kafka's records to states, figures and messages."""

import asyncio

import msgspec
import pytest

from schemas.topics import ROUTED
from tests.flow.harness import SHOP, SUPPORT, WEB, Worker, World, run_through
from tests.touchpoints import DAY_MS, HOUR_MS, START_MS, residents, touchpoint
from tests.virtual_time import run
from tracker.figures.fields import WITHIN
from tracker.records.state import decode

POISON = (b"", None, b"{", b"\xff\xfe", b"[]", b'{"schema": "touchpoint/2"}')


def visit(world: World, customer: str, *steps: tuple[str, str, int]) -> None:
    """Records of a customer: (channel, type, hours after the start)."""
    topics = {"web": WEB, "shop": SHOP, "support": SUPPORT}
    for channel, kind, hour in steps:
        at_ms = START_MS + hour * HOUR_MS
        value = touchpoint(customer, kind, at_ms, channel=channel)
        world.produce(topics[channel], value, to=customer, at_ms=at_ms)


def kinds(world: World, customer: str) -> list[tuple[str, str | None]]:
    return [(one.kind, one.stage) for one in world.transitions(customer)]


def test_three_channels_make_one_journey() -> None:
    """A customer seen on web, shop and support has one state, and every figure counts one."""

    async def scenario() -> None:
        world = World()
        visit(world, "ann", ("web", "Page Viewed", 0), ("web", "Product Added", 1))
        visit(world, "ann", ("shop", "Order Completed", 2), ("support", "Ticket Opened", 3))
        world.turn(4 * HOUR_MS)
        worker = Worker(world)
        await worker.own()
        assert list(world.states()) == ["ann"]
        assert world.figure("retail|current|helped|waiting") == 1
        day = "2026-09-21"
        for stage in ("seen", "cart", "bought", "helped"):
            assert sum(world.figure(f"retail|reached|{day}|{stage}|{days}") for days in WITHIN) == 1
        assert world.figures() == world.contributions()
        assert [stage for _, stage in kinds(world, "ann")].count("bought") >= 1
        await worker.stop()

    run(scenario())


def test_every_batch_is_acknowledged_after_its_write() -> None:
    """What is published to Kafka is in the store already."""

    async def scenario() -> None:
        world = World(partitions=1)
        for hour in range(10):
            visit(world, "ann", ("web", "Page Viewed", hour))
        worker = Worker(world, batch=3)
        await worker.own()
        assert worker.acknowledged == [(WEB, 0, 3), (WEB, 0, 6), (WEB, 0, 9), (WEB, 0, 10)]
        assert world.store.held(0).offsets[WEB] == 10
        await worker.stop()

    run(scenario())


def test_a_misrouted_touchpoint_finds_home() -> None:
    """Sent to the wrong partition, it comes to its customer's by `journey.routed`, and counts there alone."""

    async def scenario() -> None:
        world = World(partitions=4)
        ann = residents(3, 4, 1)[0]
        world.produce(WEB, touchpoint(ann), to=1)
        visit(world, ann, ("web", "Page Viewed", 0))
        world.turn(HOUR_MS)
        worker = Worker(world)
        await worker.own()
        assert len(world.published(ROUTED)) == 1
        assert list(world.store.held(3).states) == [ann]
        assert not world.store.held(1).states
        assert world.figure("retail|visits|seen") == 1, "the same event came twice, and counts once"
        assert world.figures() == world.contributions()
        await worker.stop()

    run(scenario())


def test_a_routed_touchpoint_keeps_its_first_reception() -> None:
    """A clock in the future is clamped to when the broker first had the touchpoint, not to when it was routed."""

    async def scenario() -> None:
        world = World(partitions=4)
        ann = residents(3, 4, 1)[0]
        world.produce(WEB, touchpoint(ann, at_ms=START_MS + 300 * DAY_MS), to=1, at_ms=START_MS)
        world.turn(HOUR_MS)
        worker = Worker(world)
        await worker.own()
        assert [one.at_ms for one in world.transitions(ann)] == [START_MS]
        await worker.stop()

    run(scenario())


def test_poison_is_set_aside_with_its_bytes_and_place() -> None:
    """What is no touchpoint goes to the rejected topic; those around it are applied."""

    async def scenario() -> None:
        world = World(partitions=1)
        for number, value in enumerate(POISON):
            world.produce(WEB, value, to=0)
            visit(world, f"good{number}", ("web", "Page Viewed", 0))
        worker = Worker(world, batch=5)
        await worker.own()
        assert len(world.states()) == len(POISON)
        published = world.rejections()
        assert [one.value for one in published] == list(POISON)
        assert [(one.place.topic, one.place.partition, one.place.offset) for one in published] == [
            (WEB, 0, 2 * number) for number in range(len(POISON))
        ]
        assert {one.reason for one in published} <= {"not_json", "not_a_touchpoint", "unknown_schema"}
        assert all(one.detail for one in published)
        await worker.stop()

    run(scenario())


def test_poison_in_the_routed_topic_is_set_aside_too() -> None:
    """Bytes there that are no routed message stop nothing."""

    async def scenario() -> None:
        world = World(partitions=1)
        world.produce(ROUTED, b"\xc1", to=0)
        world.produce(ROUTED, None, to=0)
        world.produce(ROUTED, msgspec.msgpack.encode({"kind": "touchpoint", "value": b"{"}), to=0)
        visit(world, "ann", ("web", "Page Viewed", 0))
        worker = Worker(world)
        await worker.own()
        assert [one.place.topic for one in world.rejections()] == [ROUTED] * 3
        assert [one.reason for one in world.rejections()] == ["not_routed", "not_routed", "not_json"]
        assert list(world.states()) == ["ann"]
        await worker.stop()

    run(scenario())


def test_who_goes_quiet_drops_off_when_the_clock_says_so() -> None:
    """No touchpoint is needed: the figures and a transition show it as soon as the stage's time has passed."""

    async def scenario() -> None:
        world = World()
        visit(world, "ann", ("web", "Page Viewed", 0))
        worker = Worker(world)
        await worker.own()
        assert world.figure("retail|current|seen|waiting") == 1
        world.turn(2 * DAY_MS - 1)
        await worker.settle()
        assert world.figure("retail|dropoffs|seen") == 0
        world.turn(2)
        await worker.settle()
        assert world.figure("retail|current|seen|dropped") == 1
        assert world.figure("retail|dropoffs|seen") == 1
        dropped = world.transitions("ann")[-1]
        assert (dropped.kind, dropped.stage, dropped.at_ms) == ("dropped", "seen", START_MS + 2 * DAY_MS)
        assert world.figures() == world.contributions()
        assert not any(held.timers or held.days for held in world.store.partitions.values())
        await worker.stop()

    run(scenario())


def test_who_comes_back_recovers() -> None:
    """After a drop-off the next touchpoint brings the customer back; the drop-off stays counted."""

    async def scenario() -> None:
        world = World()
        visit(world, "ann", ("web", "Page Viewed", 0))
        worker = Worker(world)
        await worker.own()
        world.turn(3 * DAY_MS)
        await worker.settle()
        visit(world, "ann", ("shop", "Order Completed", 73))
        world.turn(2 * HOUR_MS)
        await worker.settle()
        assert world.figure("retail|current|bought|completed") == 1
        assert (world.figure("retail|dropoffs|seen"), world.figure("retail|recoveries|seen")) == (1, 1)
        published = [kind for kind, _ in kinds(world, "ann")]
        assert published.index("dropped") < published.index("recovered")
        assert published.count("dropped") == published.count("recovered") == 1
        assert world.figures() == world.contributions()
        await worker.stop()

    run(scenario())


def test_a_busy_partition_still_looks_at_its_timers() -> None:
    """Touchpoints that never pause do not hide those who went quiet."""

    async def scenario() -> None:
        world = World(partitions=1)
        visit(world, "ann", ("web", "Page Viewed", 0))
        worker = Worker(world, batch=1)
        await worker.own()
        world.turn(3 * DAY_MS)
        for number in range(400):
            visit(world, f"other{number}", ("web", "Page Viewed", 72))
        while not world.figure("retail|dropoffs|seen"):
            tps = worker._unread()
            assert tps, "all was read before anyone looked at the timers"
            worker._fetch(tps[0])
            await asyncio.sleep(0.01)
        await worker.stop()

    run(scenario())


async def lived() -> World:
    """A world where twenty customers came, bought or dropped off."""
    world = World()
    for number in range(20):
        visit(world, f"c{number}", ("web", "Page Viewed", number), ("web", "Product Added", number + 5))
        visit(world, f"c{number}", *[("shop", "Order Completed", number + 9)] * (number % 2))
    worker = Worker(world, batch=7)
    await worker.own()
    world.turn(10 * DAY_MS)
    await worker.settle()
    await worker.stop()
    return world


def published_by(world: World) -> list[str]:
    return sorted(f"{one.customer} {one.kind} {one.stage} {one.at_ms}" for one in world.transitions())


def test_reading_all_again_changes_nothing() -> None:
    """The whole stream into the full store, in other batches: the same figures, and nothing is published twice."""

    async def scenario() -> None:
        world = await lived()
        figures = world.figures()
        world.batches.clear()
        for held in world.store.partitions.values():
            # Without their number, which would be a key that is gone.
            held.offsets.clear()
            held.sizes = ""
        assert await run_through(world, lambda: lambda _step: None, batch=3) == 1
        assert world.figures() == figures == world.contributions()
        assert published_by(world) == []

    run(scenario())


@pytest.mark.parametrize("batch", [7, 3])
def test_an_empty_store_is_built_again(batch: int) -> None:
    """The whole stream again: the same figures and transitions; in other batches all but what arrival order makes."""

    async def scenario() -> None:
        world = await lived()
        figures, published = world.figures(), published_by(world)
        world.batches.clear()
        world.store.partitions.clear()
        await run_through(world, lambda: lambda _step: None, batch=batch)
        assert world.figures() == world.contributions()
        # Whether shop's touchpoint came before web's or after it is for the fetch to say; late ones count as such.
        by_arrival = {"retail|corrections"} if batch != 7 else set()
        assert {name: count for name, count in world.figures().items() if name not in by_arrival} == {
            name: count for name, count in figures.items() if name not in by_arrival
        }
        if batch == 7:
            assert published_by(world) == published

    run(scenario())


def test_a_replay_drops_the_same_customers_at_the_same_moments() -> None:
    """Whoever dropped and came back in the live run did so in a replay, years later, too."""

    def published(world: World) -> list[tuple[str, str | None, int]]:
        return sorted((one.kind, one.stage, one.at_ms) for one in world.transitions("ann"))

    async def scenario() -> None:
        live, replay = World(), World()
        steps = [("web", "Page Viewed", 0), ("web", "Page Viewed", 80), ("shop", "Order Completed", 150)]
        worker = Worker(live)
        await worker.own()
        for step in steps:
            live.turn(START_MS + step[2] * HOUR_MS - live.now_ms)
            visit(live, "ann", step)
            visit(replay, "ann", step)
            await worker.settle()
            live.turn(60 * HOUR_MS)
            await worker.settle()
        await worker.stop()
        replay.turn(500 * DAY_MS)
        late = Worker(replay)
        await late.own()
        assert published(replay) == published(live)
        assert replay.figures() == live.figures()
        await late.stop()

    run(scenario())


def test_records_can_be_read_by_whoever_knows_the_format() -> None:
    """What the store holds is the versioned record of `tracker/records/state.py`."""

    async def scenario() -> None:
        world = World()
        visit(world, "ann", ("web", "Page Viewed", 0))
        worker = Worker(world)
        await worker.own()
        assert [journey.name for journey in decode(world.states()["ann"]).journeys] == ["retail"]
        await worker.stop()

    run(scenario())
