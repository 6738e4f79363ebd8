"""The laws of identity: whatever comes first, wherever workers die, everybody's touchpoints end in one journey."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.routed import Ruling
from schemas.topics import ROUTED
from tests.flow.harness import SHOP, SUPPORT, WEB, World, crash_at, run_through
from tests.people import Seen, people
from tests.touchpoints import DAY_MS, HOUR_MS, START_MS, touchpoint
from tests.virtual_time import run
from tracker.identity.kinds import strongest
from tracker.planning.decode import decode
from tracker.planning.message import encode_routed
from tracker.touch import Touch

PARTITIONS = 4
EXAMPLES = max(20, settings().max_examples // 20)
KINDS = [(WEB, "Page Viewed"), (WEB, "Product Added"), (SHOP, "Order Completed"), (SUPPORT, "Ticket")]
POOLS = {"customer_id": ("c1", "c2", "c3"), "anonymous_id": ("a1", "a2", "a3"), "email_sha256": ("e1", "e2")}
STEPS = (1, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Arrival:
    """A touchpoint on its way to Kafka."""

    topic: str
    value: bytes
    key: str
    at_ms: int

    @property
    def touch(self) -> Touch:
        found = decode(self.value, self.at_ms)
        assert isinstance(found, Touch)
        return found


@st.composite
def streams(draw: st.DrawFn) -> list[Arrival]:
    """Touchpoints under one to three ids each, in any order, some twice."""
    arrivals = []
    for place in range(draw(st.integers(1, 14))):
        topic, kind = draw(st.sampled_from(KINDS))
        at_ms = START_MS + draw(st.integers(0, 60)) * HOUR_MS
        kinds = draw(st.lists(st.sampled_from(list(POOLS)), min_size=1, max_size=3, unique=True))
        ids = {one: draw(st.sampled_from(POOLS[one])) for one in kinds}
        value = touchpoint("", kind, at_ms, event_id=f"e{place}", channel=topic.partition(".")[2], ids=ids)
        arrivals.append(Arrival(topic, value, strongest(ids), at_ms))
    again = draw(st.lists(st.sampled_from(arrivals), max_size=3))
    return list(draw(st.permutations(arrivals + again)))


crashes = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=4)


async def outcome(stream: Sequence[Arrival], batch: int, points: Sequence[tuple[int, int]]) -> World:
    """The world after workers have read the stream in batches of this size, dying at these points one by one."""
    world = World(PARTITIONS)
    for arrival in stream:
        world.produce(arrival.topic, arrival.value, to=arrival.key, at_ms=arrival.at_ms)
    world.turn(3 * DAY_MS)
    await run_through(world, crash_at(*points), batch=batch)
    return world


def expected(
    world: World, stream: Sequence[Arrival], cut: Sequence[frozenset[str]] = (), unknown: Collection[str] = ()
) -> dict[str, dict[str, int]]:
    """What every customer adds to the figures when all touchpoints are sorted by who is who and folded at once.

    `unknown`: names that tie nobody, whoever was seen with them.
    """
    touches = {arrival.touch.event_id: arrival.touch for arrival in stream}.values()
    pairs = ((one, link) for one in touches for link in one.links if link not in unknown)
    who = people((Seen(one.at_ms, one.event_id, one.customer, link) for one, link in pairs), cut)
    by_customer: dict[str, list[Touch]] = {}
    for one in touches:
        by_customer.setdefault(who.get(one.customer, one.customer), []).append(one)
    return {
        customer: counted(world, world.journeys.fold(customer, None, theirs, world.now_ms).after)
        for customer, theirs in by_customer.items()
    }


def counted(world: World, record: bytes) -> dict[str, int]:
    """What a record adds to the figures, without what arrival order alone decides."""
    total = world.journeys.contribution(record)
    total.pop("retail|corrections", None)
    return total


def found(world: World) -> dict[str, dict[str, int]]:
    """What every stored record adds to the figures, where that is anything."""
    every = {name: counted(world, record) for name, record in world.states().items()}
    return {name: total for name, total in every.items() if total}


@st.composite
def rulings(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Pairs that a person says are not one."""
    names = ["c1", "c2", "anonymous_id:a1", "anonymous_id:a2", "email_sha256:e1"]
    return [tuple(draw(st.permutations(names))[:2]) for _ in range(draw(st.integers(1, 2)))]


def rule(world: World, pairs: Sequence[tuple[str, str]], *, linked: bool) -> None:
    """Say it to both, as the command line does."""
    world.turn(1_000)
    for pair in pairs:
        for name, peer in (pair, pair[::-1]):
            world.produce(ROUTED, encode_routed(Ruling(name, peer, world.now_ms, linked)), to=name)


def apart(total: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: fields for name, fields in total.items() if fields}


@settings(max_examples=EXAMPLES)
@given(streams(), st.integers(1, 6), crashes)
def test_everybody_is_whole(stream: list[Arrival], batch: int, points: list[tuple[int, int]]) -> None:
    """Any order, any batches, any crashes: the states are those of a union-find over the whole set, folded at once."""
    world = run(outcome(stream, batch, points))
    assert found(world) == apart(expected(world, stream))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(streams(), rulings(), st.integers(1, 6), crashes)
def test_what_was_linked_comes_apart(
    stream: list[Arrival], pairs: list[tuple[str, str]], batch: int, points: list[tuple[int, int]]
) -> None:
    """A cut leaves everybody as if the two had never been seen together; taken back, as if it had not been made."""
    world = run(outcome(stream, batch, []))
    rule(world, pairs, linked=False)
    run(run_through(world, crash_at(*points), batch=batch))
    assert found(world) == apart(expected(world, stream, [frozenset(pair) for pair in pairs]))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(streams(), rulings(), st.sets(st.integers(0, PARTITIONS - 1), min_size=1), st.integers(1, 6), crashes)
def test_a_rebuild_ends_in_the_same_states(
    stream: list[Arrival], pairs: list[tuple[str, str]], lost: set[int], batch: int, points: list[tuple[int, int]]
) -> None:
    """Redis loses some partitions or all; `journey.routed` still holds what was told before."""
    world = run(outcome(stream, 3, []))
    rule(world, pairs[:1], linked=False)
    run(run_through(world, crash_at(), batch=batch))
    before = found(world)
    for partition in lost:
        del world.store.partitions[partition]
    world.turn(1_000)
    run(run_through(world, crash_at(*points), batch=batch))
    assert found(world) == before
    assert world.figures() == world.contributions()
