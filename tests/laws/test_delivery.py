"""The laws of the delivery: however a stream is cut, and wherever workers die, the outcome is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.harness import SHOP, SUPPORT, WEB, World, crash_at, run_through
from tests.laws.arrivals import Arrival, crashes, mixed, outcome
from tests.touchpoints import HOUR_MS, START_MS, touchpoint
from tests.virtual_time import run
from tracker.home import home

PARTITIONS = 2
CUSTOMERS = ("ann", "bob", "cyd", "dan")
# Each example is several workers' lives: a fortieth of what the other laws are tried on.
EXAMPLES = settings().max_examples // 40
# Reported when something comes late, which depends on the order of arrival.
BY_ARRIVAL = "retail|corrections"


@dataclass(frozen=True)
class Sent(Arrival):
    """A record on its way to a partition, the right one or not."""

    home: int


@st.composite
def streams(draw: st.DrawFn) -> list[Sent]:
    """Touchpoints in any order, some twice, some sent to the wrong partition, some no touchpoints at all."""
    kinds = [(WEB, "Page Viewed"), (WEB, "Product Added"), (SHOP, "Order Completed"), (SUPPORT, "Ticket")]
    arrivals = []
    for place in range(draw(st.integers(1, 14))):
        topic, kind = draw(st.sampled_from(kinds))
        at_ms = START_MS + draw(st.integers(0, 100)) * HOUR_MS
        name = draw(st.sampled_from(CUSTOMERS))
        value = touchpoint(name, kind, at_ms, event_id=f"e{place}", channel=topic.partition(".")[2])
        value = draw(st.sampled_from([value] * 8 + [b"poison", b"{}"]))
        arrivals.append(Sent(topic, value, draw(st.integers(0, PARTITIONS - 1)), at_ms, home(name, PARTITIONS)))
    return draw(mixed(arrivals))


def world_of(stream: Sequence[Sent], batch: int, points: Sequence[tuple[int, int]]) -> World:
    """The world after workers have read the stream in batches of this size, dying at these points one by one."""
    return run(outcome(World(PARTITIONS), stream, batch, points))


def transitions_of(world: World) -> list[str]:
    return sorted(f"{one.customer} {one.kind} {one.origin} {one.stage} {one.at_ms}" for one in world.transitions())


def rejected(world: World) -> list[tuple[str, int, int]]:
    return sorted((one.place.topic, one.place.partition, one.place.offset) for one in world.rejections())


def settled(world: World) -> dict[str, object]:
    """What every customer's state adds up to, without what arrival order alone decides."""
    seen = {}
    for name, record in world.states().items():
        total = world.journeys.contribution(record)
        total.pop(BY_ARRIVAL, None)
        seen[name] = total
    return seen


@settings(max_examples=EXAMPLES)
@given(streams(), st.integers(1, 5), crashes(6))
def test_no_crash_loses_or_doubles_anything(stream: list[Sent], batch: int, points: list[tuple[int, int]]) -> None:
    """Workers that die after any step, one after the other: states and figures are those of a life without death."""
    broken, whole = world_of(stream, batch, points), world_of(stream, 1_000, [])
    assert settled(broken) == settled(whole)
    assert broken.figures() == broken.contributions()
    assert rejected(broken) == rejected(whole)
    for partition in range(PARTITIONS):
        assert broken.store.held(partition).offsets.items() >= {
            (topic, count) for (topic, number), count in lengths(stream).items() if number == partition
        }
        assert broken.store.held(partition).outbox == []


def lengths(stream: Sequence[Sent]) -> dict[tuple[str, int], int]:
    """How many records each topic-partition has."""
    counts: dict[tuple[str, int], int] = {}
    for arrival in stream:
        counts[arrival.topic, arrival.to] = counts.get((arrival.topic, arrival.to), 0) + 1
    return counts


@settings(max_examples=EXAMPLES)
@given(streams(), st.integers(1, 5), st.integers(1, 5))
def test_no_cut_changes_the_outcome(stream: list[Sent], one: int, other: int) -> None:
    """Batches of any size: the same states, the same figures."""
    first, second = world_of(stream, one, []), world_of(stream, other, [])
    assert settled(first) == settled(second)
    assert {field: count for field, count in first.figures().items() if field != BY_ARRIVAL} == {
        field: count for field, count in second.figures().items() if field != BY_ARRIVAL
    }


@settings(max_examples=EXAMPLES)
@given(streams(), crashes(6))
def test_a_crash_tells_the_same_story(stream: list[Sent], points: list[tuple[int, int]]) -> None:
    """One touchpoint a batch, dying anywhere: once repeats are dropped by their numbers, the same transitions."""
    # At home and of one topic: else a crash changes who comes first, and with that what is reported of late ones.
    one_by_one = [replace(arrival, to=arrival.home) for arrival in stream if arrival.topic == WEB]
    broken, whole = world_of(one_by_one, 1, points), world_of(one_by_one, 1, [])
    assert transitions_of(broken) == transitions_of(whole)


@settings(max_examples=EXAMPLES)
@given(streams(), st.integers(1, 5), st.integers(1, 5))
def test_reading_all_again_tells_nothing(stream: list[Sent], one: int, other: int) -> None:
    """From zero into what is there already: no figure moves, no transition is reported."""
    world = world_of(stream, one, [])
    figures = world.figures()
    world.batches.clear()
    for held in world.store.partitions.values():
        # Without their number, which would be a key that is gone.
        held.offsets.clear()
        held.sizes = ""
    run(run_through(world, crash_at(), batch=other))
    assert world.figures() == figures
    assert transitions_of(world) == []
