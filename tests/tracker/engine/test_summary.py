"""Summaries: what a record says, in the journey's own words."""

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, seen, stage, touch, touches
from tracker.engine.customer import CustomerFold
from tracker.engine.summary import funnel_chain, summaries
from tracker.journey.definition import Definition, Rule, Segment
from tracker.records.state import decode

STAGES = (stage("a", drops_after_ms=DAY_MS), "b", stage("c", optional=True), "d")


def test_stages_are_named_and_moments_are_since_1970():
    """When each was first reached, how often it was entered, and how long."""
    found = seen(journey(*STAGES), touches("a1 d3 a5"))
    assert (found.current, found.furthest, found.skipped, found.began_ms) == ("a", "d", ("b",), START_MS + HOUR_MS)
    assert found.reached == {"a": START_MS + HOUR_MS, "d": START_MS + 3 * HOUR_MS}
    assert (found.visits, found.spent_ms) == ({"a": 2, "d": 1}, {"a": 2 * HOUR_MS, "d": 2 * HOUR_MS})


def test_drop_offs_count_the_one_that_lasts():
    """Recoveries count those that ended."""
    found = seen(journey(*STAGES), touches("a0 a30"), at_h=90)
    assert (found.status, found.drop_offs, found.recoveries) == ("dropped", 2, 1)
    assert (found.dropped_ms, found.recovered_ms) == (START_MS + 54 * HOUR_MS, START_MS + 30 * HOUR_MS)


def test_the_next_moment_of_the_clock_is_reported():
    """One millisecond after what the stage allows; none where it allows all."""
    assert seen(journey(*STAGES), touches("a0")).due_ms == START_MS + DAY_MS + 1
    assert seen(journey(*STAGES), touches("a0 b1")).due_ms is None


def test_who_left_is_reported_with_the_moment():
    """And with the values of the segments, `other` where there is none."""
    definition = journey("a", exits=(Rule(type="x"),), segments=(Segment("s", ("context", "s"), ("v",)),))
    found = seen(definition, [touch("a", 0), touch("x", 2)])
    assert (found.status, found.exited_ms, found.segments) == ("exited", START_MS + 2 * HOUR_MS, {"s": "other"})


def test_every_instance_that_has_begun_is_reported():
    """By its key; a journey that is not run is left out."""
    keyed = Definition("orders", 1, (stage("a"),), exits=(Rule(type="x"),), key=("properties", "order"))
    given = [touch(kind, place, properties={"order": f"o{place}"}) for place, kind in enumerate("aax")]
    record = CustomerFold([keyed, journey("a")]).fold("c", None, given, START_MS).after
    assert [one.key for one in summaries(CustomerFold([keyed]), record)] == ["o0", "o1"]


def test_the_funnels_chain_is_found_in_the_log():
    """Stage, moment, and seconds since the touchpoint before."""
    journeys = CustomerFold([journey("a", "b")])
    record = journeys.fold("c", None, touches("a0 a1 b3"), START_MS).after
    instance = decode(record).journeys[0].instances[0]
    assert funnel_chain(journeys.instance_folds[0], instance) == [
        ("a", START_MS + HOUR_MS, None), ("b", START_MS + 3 * HOUR_MS, 7200.0),
    ]  # fmt: skip
