"""The laws of erasure: wherever workers die and whatever comes later, of an identity nothing is left; all else is."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.routed import Erase
from schemas.topics import ROUTED
from tests.flow.harness import World, crash_at, run_through
from tests.laws.arrivals import Arrival, crashes, rule_on
from tests.laws.test_identity import EXAMPLES, PARTITIONS, apart, expected, found, rulings, streams, world_of
from tests.virtual_time import run
from tracker.identity.ties import Ties, read, root
from tracker.planning.message import encode_routed
from tracker.records.state import decode

NAMES = ["c1", "c2", "c3", "anonymous_id:a1", "anonymous_id:a2", "email_sha256:e1"]


def ties_of(world: World) -> dict[str, Ties]:
    return {name: read(decode(record).ties) for name, record in world.states().items()}


def identity(world: World, name: str) -> set[str]:
    """All names of the customer whom a name belongs to."""
    ties = ties_of(world)
    customer = root(name, ties[name]) if name in ties else name
    return {name, *(other for other, theirs in ties.items() if root(other, theirs) == customer)}


def erase(world: World, names: Sequence[str]) -> None:
    """Ask every name's home, as the command line does."""
    world.turn(1_000)
    for name in names:
        world.produce(ROUTED, encode_routed(Erase(name, world.now_ms)), to=name)


def mentioned(world: World) -> set[str]:
    """Every name that stands anywhere in a record, or has a timer."""
    names = set(world.states())
    for ties in ties_of(world).values():
        names |= {*ties.edges, *ties.adopted, *ties.refused, *(ties.offered.path if ties.offered else ())}
        for edge in ties.edges.values():
            names |= {*edge.offer.path, *(edge.offer.weight[2:] if edge.offer.weight else ())} if edge.offer else set()
    for held in world.store.partitions.values():
        names |= {*held.timers, *(name for listed in held.days.values() for name in listed)}
    return names


def left(stream: Sequence[Arrival], gone: set[str]) -> list[Arrival]:
    """The touchpoints that count for names that are not erased."""
    return [arrival for arrival in stream if arrival.touch.customer not in gone]


def holds(world: World, stream: Sequence[Arrival], gone: set[str], cut: Sequence[frozenset[str]]) -> None:
    """Nothing of those who are gone, and of everybody else what would be without them."""
    links = {name: total for name, total in expected(world, left(stream, gone), cut, gone).items() if total}
    assert found(world) == apart(links)
    assert not mentioned(world) & gone
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(streams, st.sampled_from(NAMES), rulings(), st.integers(1, 6), crashes(), st.randoms())
def test_nothing_of_an_identity_is_left(
    stream: list[Arrival],
    name: str,
    pairs: list[tuple[str, str]],
    batch: int,
    points: list[tuple[int, int]],
    random,
) -> None:
    """In any order of its names, each asked for once or twice, with everything sent again afterwards."""
    world = world_of(stream, batch, [])
    rule_on(world, pairs[:1], linked=False)
    run(run_through(world, crash_at(), batch=batch))
    gone = identity(world, name)
    order = sorted(gone) + random.sample(sorted(gone), random.randint(0, len(gone)))
    random.shuffle(order)
    erase(world, order)
    for arrival in stream:
        world.produce(arrival.topic, arrival.value, to=arrival.to, at_ms=arrival.at_ms)
    run(run_through(world, crash_at(*points), batch=batch))
    holds(world, stream, gone, [frozenset(pair) for pair in pairs[:1]])


@settings(max_examples=EXAMPLES)
@given(
    streams,
    st.sampled_from(NAMES),
    rulings(),
    st.sets(st.integers(0, PARTITIONS - 1), min_size=1),
    st.integers(1, 6),
    crashes(),
)
def test_a_rebuild_does_not_bring_them_back(
    stream: list[Arrival],
    name: str,
    pairs: list[tuple[str, str]],
    lost: set[int],
    batch: int,
    points: list[tuple[int, int]],
) -> None:
    """Redis loses some partitions or all, with the digests in them; Kafka still holds that it was asked for."""
    world = world_of(stream, 3, [])
    rule_on(world, pairs[:1], linked=False)
    run(run_through(world, crash_at(), batch=batch))
    gone = identity(world, name)
    erase(world, sorted(gone))
    run(run_through(world, crash_at(), batch=batch))
    for partition in lost:
        del world.store.partitions[partition]
    world.turn(1_000)
    run(run_through(world, crash_at(*points), batch=batch))
    holds(world, stream, gone, [frozenset(pair) for pair in pairs[:1]])
