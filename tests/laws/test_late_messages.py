"""The law of messages that are set aside: whenever they are sent again, everybody ends where they would have been.

`tracker rejected retry` sends them without their marks, and after messages of the same sender that are newer.
"""

from collections.abc import Collection, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import ROUTED
from tests.flow.harness import JOURNEY, World, crash_at, run_through
from tests.laws import test_accounts, test_identity
from tests.laws.arrivals import Arrival, crashes, outcome, rule_on
from tests.virtual_time import run

PARTITIONS = 4
EXAMPLES = max(20, settings().max_examples // 20)
held = st.sets(st.integers(0, 60))


class Holding(World):
    """Sets some messages between homes aside, by their number, until `send_again`."""

    def __init__(self, aside: Collection[int], journey: str = JOURNEY) -> None:
        super().__init__(PARTITIONS, journey)
        self._aside = aside
        self._kept: list[tuple[bytes | None, str | int]] = []
        self._number = 0

    def produce(self, topic: str, value: bytes | None, *, to: str | int, **rest) -> None:
        if topic == ROUTED and rest.get("headers"):
            self._number += 1
            if self._number in self._aside:
                self._kept.append((value, to))
                return
        super().produce(topic, value, to=to, **rest)

    def send_again(self) -> None:
        """All that was set aside, in its order."""
        self._aside, kept = (), self._kept
        for value, to in kept:
            self.produce(ROUTED, value, to=to)


def brought_together(world: Holding, stream: Sequence[Arrival], batch: int, points: Sequence[tuple[int, int]]) -> None:
    """The stream, and half-way a later message of everybody; then what was set aside."""
    run(outcome(world, stream, batch, points, hours=70))
    world.turn(1_000)
    world.send_again()
    run(run_through(world, crash_at(), batch=batch))


@settings(max_examples=EXAMPLES)
@given(test_identity.streams, held, st.integers(1, 6), crashes())
def test_people(stream: list[Arrival], aside: set[int], batch: int, points: list[tuple[int, int]]) -> None:
    """Whichever messages come late, everybody is whole."""
    world = Holding(aside)
    brought_together(world, stream, batch, points)
    assert test_identity.found(world) == test_identity.apart(test_identity.expected(world, stream))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(test_identity.streams, test_identity.rulings(), held, st.integers(1, 6))
def test_people_who_come_apart(
    stream: list[Arrival], pairs: list[tuple[str, str]], aside: set[int], batch: int
) -> None:
    """The same, with rulings meanwhile."""
    world = Holding(aside)
    run(outcome(world, stream, batch, []))
    rule_on(world, pairs, linked=False)
    run(run_through(world, crash_at(), batch=batch))
    world.send_again()
    run(run_through(world, crash_at(), batch=batch))
    cut = [frozenset(pair) for pair in pairs]
    assert test_identity.found(world) == test_identity.apart(test_identity.expected(world, stream, cut))
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(test_accounts.rules, test_accounts.streams, held, st.integers(1, 6))
def test_accounts_of_people(rule: str, stream: list[Arrival], aside: set[int], batch: int) -> None:
    """Accounts are where their people put them."""
    world = Holding(aside, test_accounts.JOURNEY + rule)
    brought_together(world, stream, batch, [])
    assert test_accounts.found(world) == test_accounts.expected(world, stream)
    assert world.figures() == world.contributions()
