"""Plain touchpoints: the fast path changes and reports the same as the general way."""

import random

import pytest

from tests.tracker.making import DAY_MS, START_MS, journey, stage, touch, touches
from tracker.engine.customer import CustomerFold
from tracker.journey.definition import Definition, Exclusion, Funnel, Rule, Segment

SHAPES = {
    "goals": journey("a", stage("b", goal=True), "c", stage("d", goal=True)),
    "quiet": journey(stage("a", drops_after_ms=DAY_MS), stage("b", drops_after_ms=2 * DAY_MS), "c", "d"),
    "window": journey("a", stage("b", optional=True), "c", "d", funnel=Funnel(window_ms=DAY_MS // 2)),
    "forward": journey("a", "b", "c", "d", order="forward", exits=(Rule(type="x"),)),
    "several": journey("a", stage("b", "b", "c"), "c", "d", funnel=Funnel(exclude=(Exclusion(Rule(type="x")),))),
    "first": journey("a", "b", "c", "d", segments=(Segment("s", ("context", "s"), ("one", "two")),)),
    "last": journey("a", "b", "c", "d", segments=(Segment("s", ("context", "s"), ("one", "two"), "last"),)),
}


def changes(definition: Definition, given: list, size: int, *, plainly: bool) -> list:
    """What every batch of so many touches changes, by the plain way where it is open or by the general way alone."""
    journeys, record, found = CustomerFold([definition]), None, []
    if not plainly:
        journeys.instance_folds[0]._fast_path = None
    for begin in range(0, len(given), size):
        found.append(journeys.fold("c", record, given[begin : begin + size], START_MS))
        record = found[-1].after
    return found


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_both_ways_are_one(shape, size):
    """States, figures, transitions and timers are the same, batch by batch."""
    chance = random.Random(shape)
    for _ in range(40):
        text = " ".join(f"{chance.choice('aabbccddxy')}{chance.randint(0, 90)}" for _ in range(12))
        given = sorted(touches(text), key=lambda one: one.at_ms) if chance.random() < 0.8 else touches(text)
        for one in given:
            one.context = chance.choice([{}, {"s": "one"}, {"s": "two"}, {"s": "else"}])
        assert changes(SHAPES[shape], given, size, plainly=True) == changes(SHAPES[shape], given, size, plainly=False)


def test_most_touchpoints_are_plain():
    """Of a customer who looks around, buys and comes back, only the first touchpoint goes the general way."""
    journeys, places = CustomerFold([SHAPES["goals"]]), []
    instance_fold = journeys.instance_folds[0]
    plain = instance_fold._fast_path
    instance_fold._fast_path = lambda *words: places.append(plain(*words)) or places[-1]
    journeys.fold("c", None, touches("a0 a1 b2 c3 b4 d5"), START_MS)
    assert places == [0, 6]


@pytest.mark.parametrize("definition", [journey("a", funnel=Funnel(mode=mode)) for mode in ("strict", "any")])
def test_some_definitions_have_none(definition):
    """Where a touchpoint must be seen beside all others, all go the general way."""
    assert CustomerFold([definition]).instance_folds[0]._fast_path is None


def test_a_duplicate_is_not_plain():
    """It changes nothing, and is counted."""
    journeys = CustomerFold([SHAPES["goals"]])
    record = journeys.fold("c", None, [touch("a", 0), touch("b", 1, "once")], START_MS).after
    again = journeys.fold("c", record, [touch("b", 2, "once")], START_MS)
    assert (again.applied, again.duplicate, again.transitions, again.aggregates) == (0, 1, [], {})
