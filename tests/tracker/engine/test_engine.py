"""The engine: stages, time, drop-offs, and one state whatever the order of arrival."""

import random

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, seen, stage, touch, touches
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import COMPACT_FROM
from tracker.engine.summary import summaries
from tracker.journey.definition import Definition, Funnel, Rule, Segment
from tracker.touch import Touch


def test_current_goes_where_the_customer_goes_and_furthest_stays():
    """In free order the latest touchpoint's stage is current, and the furthest is never taken back."""
    one = seen(journey("a", "b", "c"), touches("a0 c1 b2"))
    assert (one.current, one.furthest, list(one.reached)) == ("b", "c", ["a", "b", "c"])


def test_in_forward_order_the_current_stage_only_moves_up():
    """An earlier stage's touchpoint is reached, but does not move the customer back."""
    one = seen(journey("a", "b", "c", order="forward"), touches("c0 a1"))
    assert (one.current, one.visits, list(one.reached)) == ("c", {"c": 1}, ["a", "c"])


def test_visits_and_time_are_kept_by_stage():
    """A visit is a move into a stage; time counts from one move to the next."""
    one = seen(journey("a", "b"), touches("a0 a1 b3 a4 b4.5"))
    assert one.visits == {"a": 2, "b": 2}
    assert one.spent_ms == {"a": 3.5 * HOUR_MS, "b": HOUR_MS}


def test_stages_jumped_over_are_skipped_unless_optional():
    """What lies before the furthest stage and was never reached is skipped; optional stages are not."""
    definition = journey("a", "b", stage("c", optional=True), "d")
    assert seen(definition, touches("a0 d1")).skipped == ("b",)


def test_a_gap_longer_than_allowed_is_a_drop_off_at_its_very_end():
    """The drop-off stands at the last touchpoint plus `drops_after`; the next touchpoint is the recovery."""
    one = seen(journey(stage("a", drops_after_ms=2 * HOUR_MS)), touches("a0 a3"))
    assert (one.drop_offs, one.recoveries, one.status) == (1, 1, "waiting")
    assert (one.dropped_ms, one.recovered_ms) == (START_MS + 2 * HOUR_MS, START_MS + 3 * HOUR_MS)


def test_a_touchpoint_at_the_last_moment_is_in_time():
    """A gap of exactly `drops_after` is allowed; one millisecond more is not."""
    definition = journey(stage("a", drops_after_ms=2 * HOUR_MS))
    assert seen(definition, touches("a0 a2")).drop_offs == 0
    assert seen(definition, [touch("a"), touch("a", 2 + 1 / HOUR_MS)]).drop_offs == 1


def test_the_clock_alone_drops_a_customer_one_millisecond_after_the_deadline():
    """At the deadline the customer is still waiting; `due_ms` is the moment after it."""
    journeys = CustomerFold([journey(stage("a", drops_after_ms=HOUR_MS))])
    change = journeys.fold("c", None, [touch("a")], START_MS)
    assert change.due_ms == START_MS + HOUR_MS + 1
    still = journeys.fold("c", change.after, [], change.due_ms - 1)
    assert (still.aggregates, still.due_ms) == ({}, change.due_ms)
    dropped = journeys.fold("c", still.after, [], change.due_ms)
    assert [(one.kind, one.at_ms) for one in dropped.transitions] == [("dropped", START_MS + HOUR_MS)]
    assert dropped.due_ms is None


def test_any_touchpoint_keeps_a_customer_awake():
    """Quiet means quiet: a touchpoint that matches no stage puts the drop-off back."""
    assert seen(journey(stage("a", drops_after_ms=2 * HOUR_MS)), touches("a0 x1.5 a3")).drop_offs == 0


def test_who_left_does_not_drop_off_and_may_come_back():
    """After an exit no clock runs; the next touchpoint of a stage begins again."""
    definition = journey(stage("a", drops_after_ms=HOUR_MS), exits=(Rule(type="x"),))
    left = seen(definition, touches("a0 x0.5"), at_h=9)
    assert (left.status, left.drop_offs, left.due_ms) == ("exited", 0, None)
    back = seen(definition, touches("a0 x0.5 a5"))
    assert (back.status, back.drop_offs, back.visits) == ("waiting", 0, {"a": 2})


@pytest.mark.parametrize(
    ("text", "status"), [("a0", "active"), ("b0", "waiting"), ("c0", "completed"), ("x0 a1", "active")]
)
def test_status_tells_what_the_customer_is_waiting_for(text, status):
    """Active without a deadline, waiting with one, completed in a goal; an exit before the journey is nothing."""
    definition = journey(
        "a", stage("b", drops_after_ms=DAY_MS), stage("c", goal=True), exits=(Rule(type="x"),)
    )  # fmt: skip
    assert seen(definition, touches(text)).status == status


def test_a_repeated_step_needs_two_touchpoints():
    """Two stages with one rule: the first touchpoint counts for the first, the second for the second."""
    definition = journey(stage("first", "a"), stage("second", "a"))
    assert seen(definition, touches("a0")).current == "first"
    assert seen(definition, touches("a0 a0")).current == "second"


@pytest.mark.parametrize(("attribution", "value"), [("first", "x"), ("last", "other"), ("b", "y"), ("c", "other")])
def test_a_segment_takes_its_value_where_the_definition_says(attribution, value):
    """Touchpoints without the property give none; undeclared values, and no value, are `other`."""
    definition = journey("a", "b", "c", segments=(Segment("s", ("context", "s"), ("x", "y"), attribution),))
    given = [touch("a", 0), touch("a", 1, context={"s": "x"}), touch("b", 2, context={"s": "y"})]
    given += [touch("z", 3, context={"s": "y"}), touch("a", 4, context={"s": "never declared"})]
    assert seen(definition, given).segments == {"s": value}


def full(window_ms: int = 20 * DAY_MS) -> Definition:
    return journey(
        stage("a", drops_after_ms=3 * DAY_MS),
        stage("b", drops_after_ms=2 * DAY_MS),
        stage("c", "c", "b", goal=True),
        funnel=Funnel(window_ms=window_ms),
        exits=(Rule(type="x"),),
        segments=(Segment("s", ("context", "s"), ("1", "2"), "last"),),
    )


def some_touches(chance: random.Random, count: int, days: int) -> list[Touch]:
    return [
        touch(chance.choice("aabbcxz"), chance.randrange(days * 4) * 6, f"e{n}", context={"s": chance.choice("123")})
        for n in range(count)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_order_of_arrival_duplicates_and_batches_change_nothing_within_the_horizon(seed):
    """Whatever order touchpoints within seven days come in, once or twice, one by one or together: one state."""
    chance = random.Random(seed)
    journeys = CustomerFold([full()])
    given = some_touches(chance, 12, days=7)
    now_ms = START_MS + 9 * DAY_MS
    whole = summaries(journeys, journeys.fold("c", None, given, now_ms).after)
    arriving = given + chance.sample(given, 5)
    chance.shuffle(arriving)
    record, duplicates = None, 0
    while arriving:
        batch = [arriving.pop() for _ in range(min(len(arriving), chance.randint(1, 4)))]
        change = journeys.fold("c", record, batch, now_ms)
        record, duplicates = change.after, duplicates + change.duplicate
    assert record is not None
    assert duplicates == 5
    assert without_corrections(summaries(journeys, record)) == without_corrections(whole)


def without_corrections(found: list) -> list:
    return [{name: getattr(one, name) for name in one.__struct_fields__ if name != "corrections"} for one in found]


@pytest.mark.parametrize("seed", range(10))
def test_a_long_life_folds_into_a_base_and_ends_in_the_same_state(seed):
    """Touchpoints of months, each at most seven days late, give the state of the sorted set, in a bounded record."""
    chance = random.Random(seed)
    bounded, complete = CustomerFold([full()]), CustomerFold([full()], horizon_ms=None)
    given = sorted(some_touches(chance, 160, days=200), key=lambda one: one.at_ms + chance.randrange(6 * DAY_MS))
    record, late = None, 0
    for one in given:
        change = bounded.fold("c", record, [one], START_MS)
        record, late = change.after, late + change.late
    assert record is not None
    assert late == 0
    assert without_corrections(summaries(bounded, record)) == without_corrections(
        summaries(complete, complete.fold("c", None, given, START_MS).after)
    )
    assert len(record) < 300 + 3 * COMPACT_FROM * 22 + 32 * 12


def test_what_is_older_than_the_horizon_counts_as_late_and_once():
    """Eight days late: applied on top of the base, counted late; the same again is a duplicate."""
    journeys = CustomerFold([journey("a", "b")])
    record = journeys.fold("c", None, [touch("b", 8 * 24)], START_MS).after
    change = journeys.fold("c", record, [touch("a", 0)], START_MS)
    assert (change.applied, change.late, change.duplicate) == (1, 1, 0)
    one = summaries(journeys, change.after)[0]
    assert (one.current, one.reached["a"], one.corrections) == ("b", START_MS, 1)
    again = journeys.fold("c", change.after, [touch("a", 0)], START_MS)
    assert (again.applied, again.late, again.duplicate) == (0, 0, 1)


def test_of_two_versions_of_a_touchpoint_the_earlier_counts_whichever_comes_first():
    """One event id with two times is one touchpoint, at the earlier time."""
    journeys = CustomerFold([journey("a")])
    versions = [touch("a", 1, "e"), touch("a", 2, "e")]
    for first, second in (versions, versions[::-1]):
        record = journeys.fold("c", None, [first], START_MS).after
        change = journeys.fold("c", record, [second], START_MS)
        assert change.duplicate == 1
        assert summaries(journeys, change.after)[0].reached == {"a": START_MS + HOUR_MS}


def test_a_drop_off_reported_too_early_is_corrected():
    """The clock had dropped a customer; a touchpoint that happened before the deadline takes it back."""
    journeys = CustomerFold([journey(stage("a", drops_after_ms=HOUR_MS))])
    record = journeys.fold("c", None, [touch("a")], START_MS).after
    dropped = journeys.fold("c", record, [], START_MS + 2 * HOUR_MS)
    change = journeys.fold("c", dropped.after, [touch("a", 0.5)], START_MS + HOUR_MS)
    assert [one.kind for one in change.transitions] == ["corrected"]
    assert change.aggregates["j|dropoffs|a"] == -1
