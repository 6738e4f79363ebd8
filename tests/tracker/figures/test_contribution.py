"""Contributions: what a state adds to the figures."""

import pytest

from tests.tracker.making import HOUR_MS, START_MS, journey, stage, touch, touches
from tracker.engine.customer import CustomerFold
from tracker.journey.definition import Buckets, Definition, Rule, Segment, Survey

DAY = "2025-10-09"


def vector(definition: Definition, text: str, at_h: float = 0) -> dict[str, int]:
    return CustomerFold([definition]).fold("c", None, touches(text), START_MS + round(at_h * HOUR_MS)).aggregates


def test_other_buckets_are_another_shape_and_figures_and_answers_move_over():
    """With the old definition at hand the differences add up to the new contribution; the answer stays."""
    survey = (Survey("nps", Rule(type="s")),)
    old = journey("a", "b", feedback=survey)
    new = journey("a", "b", feedback=survey, buckets=Buckets((HOUR_MS,), (HOUR_MS,)))
    before = CustomerFold([old]).fold("c", None, [*touches("a0 b2"), touch("s", 3, properties={"score": 9})], START_MS)
    journeys = CustomerFold([new], former=[old])
    change = journeys.fold("c", before.after, [], START_MS)
    assert change.aggregates == {
        "j|stay|a|21600": -1, "j|stay|a|inf": 1, "j|convert|b|21600": -1, "j|convert|b|inf": 1,
    }  # fmt: skip
    assert journeys.contribution(change.after)["j|feedback|nps|9"] == 1


def test_a_customer_in_the_middle_of_a_journey():
    """Cohort, current stage, stages reached, depth, visits and time in the stage that was left."""
    assert vector(journey("a", "b", "c"), "a0 b2") == {
        f"j|cohort|{DAY}": 1,
        "j|current|b|active": 1,
        f"j|reached|{DAY}|a|1": 1,
        f"j|reached|{DAY}|b|1": 1,
        f"j|funnel|{DAY}|b": 1,
        "j|visits|a": 1,
        "j|visits|b": 1,
        "j|stay|a|21600": 1,
        "j|seconds|a": 7200,
        "j|convert|b|21600": 1,
        "j|convert_seconds|b": 7200,
    }


@pytest.mark.parametrize(("after_h", "days"), [(24, "1"), (24.001, "7"), (168, "7"), (672, "28"), (673, "inf")])
def test_a_stage_is_reached_within_days_of_the_beginning(after_h, days):
    """Each customer counts in the shortest span that holds the time from their beginning, end point inclusive."""
    reached = {name for name in vector(journey("a", "b"), f"a0 b{after_h}") if "|reached|" in name and "|b|" in name}
    assert reached == {f"j|reached|{DAY}|b|{days}"}


def test_an_earlier_beginning_of_the_same_day_lengthens_every_conversion():
    """A late touchpoint moves the stages that came after it to what it took since then."""
    journeys = CustomerFold([journey("a", "b")])
    first = journeys.fold("c", None, touches("b5"), START_MS)
    assert "j|convert|b|21600" not in first.aggregates
    change = journeys.fold("c", first.after, [touch("a", 3)], START_MS)
    assert (change.aggregates["j|convert|b|21600"], change.aggregates["j|convert_seconds|b"]) == (1, 7200)
    early = journeys.fold("c", change.after, [touch("a", -8.9)], START_MS)
    assert early.aggregates["j|convert|b|86400"] == 1 and early.aggregates["j|convert|b|21600"] == -1


def test_buckets_are_the_definitions():
    """The bounds of both histograms are what the journey file says, inclusive."""
    buckets = Buckets(stay_ms=(HOUR_MS,), convert_ms=(2 * HOUR_MS, 3 * HOUR_MS))
    found = vector(journey("a", "b", "c", buckets=buckets), "a0 b2 c5.1")
    names = {name for name in found if "|stay|" in name or "|convert|" in name}
    assert names == {"j|stay|a|inf", "j|stay|b|inf", "j|convert|b|7200", "j|convert|c|inf"}


def test_drop_offs_recoveries_completions_and_exits_are_counted():
    """A drop-off counts when it is reported, by the clock or by the next touchpoint."""
    definition = journey(stage("a", drops_after_ms=HOUR_MS), stage("b", goal=True), exits=(Rule(type="x"),))
    assert vector(definition, "a0", at_h=5)["j|dropoffs|a"] == 1
    found = vector(definition, "a0 b5 x6")
    wanted = ("j|dropoffs|a", "j|recoveries|a", "j|completions|b", "j|exits|b", "j|current|b|exited")
    assert [found.get(name) for name in wanted] == [1] * 5


def test_a_segment_breaks_figures_down_and_a_changed_value_moves_them():
    """Each figure has a field of its own by value; what is not declared counts as `other`."""
    definition = journey("a", segments=(Segment("s", ("context", "s"), ("x",), "last"),))
    journeys = CustomerFold([definition])
    first = journeys.fold("c", None, [touch("a", context={"s": "?"})], START_MS)
    assert first.aggregates["j|current|a|active|s=other"] == 1
    second = journeys.fold("c", first.after, [touch("a", 1, context={"s": "x"})], START_MS)
    assert second.aggregates["j|current|a|active|s=other"] == -1
    assert second.aggregates[f"j|cohort|{DAY}|s=x"] == 1
    assert "j|current|a|active" not in second.aggregates


def test_an_earlier_beginning_moves_the_customer_to_another_cohort():
    """A late touchpoint of the day before: every figure by day moves, the others stay."""
    journeys = CustomerFold([journey("a")])
    first = journeys.fold("c", None, [touch("a")], START_MS)
    change = journeys.fold("c", first.after, [touch("a", -24)], START_MS)
    assert change.aggregates == {
        f"j|cohort|{DAY}": -1,
        f"j|reached|{DAY}|a|1": -1,
        f"j|funnel|{DAY}|a": -1,
        "j|cohort|2025-10-08": 1,
        "j|reached|2025-10-08|a|1": 1,
        "j|funnel|2025-10-08|a": 1,
        "j|corrections": 1,
    }


@pytest.mark.parametrize(("text", "taken"), [("a0 c2", 0), ("a0 b1 c2", 1), ("b0 a1 c2", 0), ("a0 b1", 1)])
def test_an_optional_step_counts_those_who_took_it(text, taken):
    """The depth says nothing of it: who passed it by is as deep."""
    definition = journey("a", stage("b", optional=True), "c")
    assert vector(definition, text).get(f"j|taken|{DAY}|b", 0) == taken
