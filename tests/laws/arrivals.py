"""What the laws of the delivery draw: arrivals in any order and deaths of workers; and the world that comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from schemas.routed import Ruling
from schemas.topics import ROUTED
from tests.flow.harness import World, crash_at, run_through
from tests.touchpoints import HOUR_MS, START_MS, touchpoint
from tracker.identity.kinds import strongest
from tracker.planning.decode import decode
from tracker.planning.message import encode_routed
from tracker.touch import Touch

A = TypeVar("A", bound="Arrival")
# The steps of docs/delivery.md after which a worker may die.
STEPS = (1, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Arrival:
    """A record on its way to Kafka."""

    topic: str
    value: bytes
    to: str | int
    """Its key, or its partition."""
    at_ms: int

    @property
    def touch(self) -> Touch:
        found = decode(self.value, self.at_ms)
        assert isinstance(found, Touch)
        return found


@st.composite
def touchpoints(
    draw: st.DrawFn, kinds: Sequence[tuple[str, str]], fields: st.SearchStrategy[dict[str, Any]]
) -> list[Arrival]:
    """Touchpoints of these topics and types within 60 hours; `fields` draws the `ids` of each, and whatever else."""
    arrivals = []
    for place in range(draw(st.integers(1, 14))):
        topic, kind = draw(st.sampled_from(kinds))
        at_ms = START_MS + draw(st.integers(0, 60)) * HOUR_MS
        drawn = draw(fields)
        value = touchpoint("", kind, at_ms, event_id=f"e{place}", channel=topic.partition(".")[2], **drawn)
        arrivals.append(Arrival(topic, value, strongest(drawn["ids"]), at_ms))
    return draw(mixed(arrivals))


@st.composite
def mixed(draw: st.DrawFn, arrivals: list[A]) -> list[A]:
    """The arrivals in any order, up to three of them twice."""
    again = draw(st.lists(st.sampled_from(arrivals), max_size=3))
    return list(draw(st.permutations(arrivals + again)))


@st.composite
def names(draw: st.DrawFn, pools: dict[str, Sequence[str]], least: int, most: int) -> dict[str, str]:
    """So many kinds of id, each with a value of its pool."""
    kinds = draw(st.lists(st.sampled_from(list(pools)), min_size=least, max_size=most, unique=True))
    return {one: draw(st.sampled_from(pools[one])) for one in kinds}


def crashes(most: int = 4) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Up to so many deaths of workers: the step, and which time that it is reached."""
    return st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=most)


async def outcome(
    world: World, stream: Sequence[Arrival], batch: int, points: Sequence[tuple[int, int]], hours: int = 72
) -> World:
    """The world so many hours later, when workers have read the stream in batches and died at these points."""
    for arrival in stream:
        world.produce(arrival.topic, arrival.value, to=arrival.to, at_ms=arrival.at_ms)
    world.turn(hours * HOUR_MS)
    await run_through(world, crash_at(*points), batch=batch)
    return world


def rule_on(world: World, pairs: Sequence[Sequence[str]], *, linked: bool) -> None:
    """Say of each pair to both that they are one person, or are not, as the command line does."""
    world.turn(1_000)
    for one, other in pairs:
        for name, peer in ((one, other), (other, one)):
            world.produce(ROUTED, encode_routed(Ruling(name, peer, world.now_ms, linked)), to=name)
