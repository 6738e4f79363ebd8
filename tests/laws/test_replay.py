"""A replay says what the slow reference says of every customer, whatever the files' order."""

from collections import Counter
from statistics import median

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests import reference
from tests.strategies import definitions, moments, touch_sets
from tracker.replay.replay import Replay, columns_of


@given(definitions(), st.lists(touch_sets(most=5, versions=True), min_size=1, max_size=3), moments(), st.data())
def test_figures_are_those_of_the_reference(definition, sets, now_ms, data):
    """Every stage's figures are the sums over customers that the reference folds one by one."""
    touches = [_of(touch, f"c{number}") for number, one in enumerate(sets) for touch in one]
    arriving = data.draw(st.permutations(touches))
    report = Replay(definition, columns_of([definition], arriving), now_ms).run().as_json()
    journeys = [journey for one in sets for journey in reference.fold(definition, one, now_ms).values()]
    overlap = any(len(reference.matches(definition, touch)) > 1 for touch in touches)
    assert report["customers"] == len(journeys)
    for place, stage in enumerate(report["stages"]):
        name = stage["stage"]
        passes = name in definition.optional_steps
        took = [name in journey.taken if passes else journey.funnel_depth > place for journey in journeys]
        assert stage["funnel"] == sum(took)
        # In any order only the engine decides which of several stages a touchpoint counts for.
        if definition.funnel.mode != "any" or not overlap:
            assert _counts(stage) == _expected(stage["stage"], journeys)
        if definition.funnel.mode != "any":
            assert stage["seconds_to_reach"]["median"] == _median(stage["stage"], journeys)


def _of(touch, customer):
    return replace(touch, customer=customer)


def _counts(stage):
    return {name: stage[name] for name in ("reached", "current", "dropped", "waiting")}


def _expected(name, journeys):
    statuses = Counter(journey.status for journey in journeys if journey.current == name)
    return {
        "reached": sum(name in journey.reached for journey in journeys),
        "current": statuses.total(),
        "dropped": statuses["dropped"],
        "waiting": statuses["waiting"] + statuses["active"],
    }


def _median(name, journeys):
    waits = [
        (at - before) / 1000
        for journey in journeys
        for (_, before), (stage, at) in zip(journey.chain, journey.chain[1:], strict=False)
        if stage == name
    ]
    return median(waits) if waits else None
