"""The laws of identity: whatever comes first, wherever workers die, everybody's touchpoints end in one journey."""

from collections.abc import Collection, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.harness import SHOP, SUPPORT, WEB, World, crash_at, run_through
from tests.laws.arrivals import Arrival, crashes, names, outcome, rule_on, touchpoints
from tests.people import Seen, people
from tests.virtual_time import run
from tracker.touch import Touch

PARTITIONS = 4
EXAMPLES = max(20, settings().max_examples // 20)
KINDS = [(WEB, "Page Viewed"), (WEB, "Product Added"), (SHOP, "Order Completed"), (SUPPORT, "Ticket")]
POOLS = {
    "customer_id": ("c1", "c2", "c3"),
    "anonymous_id": ("a1", "a2", "a3"),
    "email_sha256": ("e1", "e2"),
    "shop_customer@se": ("12", "13"),
    "desk_requester@help": ("12", "14"),
}

# Left out, a server sent it.
TRUST = st.sampled_from([{}, {"trust": "browser"}])
streams = touchpoints(KINDS, st.tuples(names(POOLS, 1, 3), TRUST).map(lambda drawn: {"ids": drawn[0], **drawn[1]}))


def world_of(stream: Sequence[Arrival], batch: int, points: Sequence[tuple[int, int]]) -> World:
    """The world after workers have read the stream in batches of this size, dying at these points one by one."""
    return run(outcome(World(PARTITIONS), stream, batch, points))


def expected(
    world: World, stream: Sequence[Arrival], cut: Sequence[frozenset[str]] = (), unknown: Collection[str] = ()
) -> dict[str, dict[str, int]]:
    """What every customer adds to the figures when all touchpoints are sorted by who is who and folded at once.

    `unknown`: names that tie nobody, whoever was seen with them.
    """
    touches = {arrival.touch.event_id: arrival.touch for arrival in stream}.values()
    pairs = ((one, link) for one in touches for link in one.links if link not in unknown)
    who = people((Seen(one.at_ms, one.event_id, one.customer, link, one.is_browser) for one, link in pairs), cut)
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
    names = ["c1", "c2", "anonymous_id:a1", "anonymous_id:a2", "email_sha256:e1", "shop_customer@se:12"]
    return [tuple(draw(st.permutations(names))[:2]) for _ in range(draw(st.integers(1, 2)))]


def apart(total: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: fields for name, fields in total.items() if fields}


@settings(max_examples=EXAMPLES)
@given(streams, st.integers(1, 6), crashes())
def test_everybody_is_whole(stream: list[Arrival], batch: int, points: list[tuple[int, int]]) -> None:
    """Any order, any batches, any crashes: the states are those of a union-find over the whole set, folded at once."""
    world = world_of(stream, batch, points)
    assert found(world) == apart(expected(world, stream))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(streams, rulings(), st.integers(1, 6), crashes())
def test_what_was_linked_comes_apart(
    stream: list[Arrival], pairs: list[tuple[str, str]], batch: int, points: list[tuple[int, int]]
) -> None:
    """A cut leaves everybody as if the two had never been seen together; taken back, as if it had not been made."""
    world = world_of(stream, batch, [])
    rule_on(world, pairs, linked=False)
    run(run_through(world, crash_at(*points), batch=batch))
    assert found(world) == apart(expected(world, stream, [frozenset(pair) for pair in pairs]))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(streams, rulings(), st.sets(st.integers(0, PARTITIONS - 1), min_size=1), st.integers(1, 6), crashes())
def test_a_rebuild_ends_in_the_same_states(
    stream: list[Arrival], pairs: list[tuple[str, str]], lost: set[int], batch: int, points: list[tuple[int, int]]
) -> None:
    """Redis loses some partitions or all; `journey.routed` still holds the earlier messages."""
    world = world_of(stream, 3, [])
    rule_on(world, pairs[:1], linked=False)
    run(run_through(world, crash_at(), batch=batch))
    before = found(world)
    for partition in lost:
        del world.store.partitions[partition]
    world.turn(1_000)
    run(run_through(world, crash_at(*points), batch=batch))
    assert found(world) == before
    assert world.figures() == world.contributions()
