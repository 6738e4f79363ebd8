"""Customers: several journeys and instances in one record, counts, transitions, deadlines."""

import random
from collections import Counter

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch, touches
from tracker.engine.customer import MAX_INSTANCES, CustomerFold
from tracker.engine.migration import UnknownDefinitionError
from tracker.engine.summary import summaries
from tracker.journey.definition import Definition, Funnel, Rule
from tracker.records.state import decode
from tracker.touch import Touch


def transitions_of(definition: Definition, text: str) -> list[str]:
    """The transitions of touches that come one by one, as `kind origin>stage`."""
    journeys, record, lines = CustomerFold([definition]), None, []
    for one in touches(text):
        change = journeys.fold("c", record, [one], one.at_ms)
        record = change.after
        lines += [f"{each.kind} {each.origin or ''}>{each.stage}" for each in change.transitions]
    return lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a0 a1", ["entered >a"]),
        ("a0 b1 a2", ["entered >a", "advanced a>b", "returned b>a"]),
        ("a0 b30", ["entered >a", "dropped a>a", "recovered a>a", "advanced a>b"]),
        ("a0 c1 c2", ["entered >a", "advanced a>c", "completed a>c"]),
        ("a0 x1 x2 b3", ["entered >a", "exited a>a", "entered >b"]),
        ("b5 a1", ["entered >b", "corrected b>b"]),
        ("x0 y1", []),
    ],
)
def test_what_happens_is_reported(text, lines):
    """Every move, drop-off, recovery, goal, exit and correction is one transition."""
    assert (
        transitions_of(
            journey(stage("a", drops_after_ms=DAY_MS), "b", stage("c", goal=True), exits=(Rule(type="x"),)), text
        )
        == lines
    )


def test_a_transition_says_why_and_what_was_skipped():
    """The event, its type and channel, the rule it met, and the stages that were jumped over."""
    definition = journey("a", "b", stage("c", "other", "c"))
    change = CustomerFold([definition]).fold("c", None, [touch("a", 0), touch("c", 1, "e9", channel="shop")], START_MS)
    last = change.transitions[-1]
    assert (last.why.event_id, last.why.type, last.why.channel, last.why.rule) == ("e9", "c", "shop", 1)
    assert (last.skipped, last.at_ms, last.version) == (("b",), START_MS + HOUR_MS, 1)


def test_the_same_batch_on_the_same_record_gives_the_same_change():
    """A replay after a crash is identical, byte for byte."""
    given = touches("a0 b9 a3 c200 a0 b9")
    journeys = CustomerFold([journey("a", "b", "c")])
    record = journeys.fold("c", None, touches("b2"), START_MS).after
    assert journeys.fold("c", record, given, START_MS) == journeys.fold("c", record, given, START_MS)


def test_touches_are_counted_once_each():
    """Applied, duplicate, ignored: also touches that bear on nothing count once, in one batch or in two."""
    journeys = CustomerFold([journey("a")])
    first = journeys.fold("c", None, [touch("a", 0, "1"), touch("z", 1, "2"), touch("z", 1, "2")], START_MS)
    assert (first.applied, first.duplicate, first.ignored, first.late) == (2, 1, 1, 0)
    again = journeys.fold("c", first.after, [touch("z", 1, "2"), touch("a", 0, "1"), touch("y", 1, "3")], START_MS)
    assert (again.applied, again.duplicate, again.ignored) == (1, 2, 1)


def test_each_value_of_the_key_is_an_instance_of_its_own():
    """Figures count instances; a touchpoint without the key belongs to none."""
    journeys = CustomerFold([journey("a", "b", key=("properties", "order"))])
    given = [
        touch("a", 0, properties={"order": "o1"}),
        touch("a", 1, properties={"order": 7}),
        touch("b", 2, properties={"order": "o1"}),
        touch("b", 3),
        touch("b", 4, properties={"order": None}),
    ]
    change = journeys.fold("c", None, given, START_MS)
    assert {one.key: one.current for one in summaries(journeys, change.after)} == {"o1": "b", "7": "a"}
    assert change.aggregates["j|cohort|2025-10-09"] == 2
    assert (change.applied, change.ignored) == (5, 2)


def test_a_customer_has_a_bounded_number_of_instances():
    """Beyond the bound new instances do not begin; those that exist go on."""
    journeys = CustomerFold([journey("a", "b", key=("properties", "order"))])
    many = [touch("a", n / 100, f"e{n}", properties={"order": n}) for n in range(MAX_INSTANCES + 5)]
    change = journeys.fold("c", None, many, START_MS)
    assert len(summaries(journeys, change.after)) == MAX_INSTANCES
    assert change.ignored == 5
    on = journeys.fold("c", change.after, [touch("b", 9, properties={"order": 3})], START_MS)
    assert [one.kind for one in on.transitions] == ["advanced"]


def test_carts_of_a_browser_displace_no_order_of_a_server():
    """Of 1,200 the last give way to orders, and those with a server's touch stay; figures are those of the rest."""
    journeys = CustomerFold([journey("a", "b", key=("properties", "order"))])
    carts = [touch("a", n / 100, f"e{n}", properties={"order": f"cart{n}"}) for n in range(1_200)]
    for cart in carts:
        cart.is_browser = True
    orders = [touch("a", 50 + n, f"o{n}", properties={"order": f"order{n}"}) for n in range(40)]
    orders.append(touch("b", 60, "claimed", properties={"order": "cart499"}))
    record, figures, refused = None, Counter(), 0
    for batch in (carts[:700], orders[::-1], carts[700:]):
        change = journeys.fold("c", record, batch, START_MS)
        record, refused = change.after, refused + change.refused
        figures.update(change.aggregates)
    keys = {one.key for one in summaries(journeys, record)}
    assert keys == {f"cart{n}" for n in [*range(459), 499]} | {f"order{n}" for n in range(40)}
    assert refused == 200 + 40 + 500
    assert {name: count for name, count in figures.items() if count} == journeys.contribution(record)


def test_journeys_run_side_by_side_on_the_same_touches():
    """Each has its own state; a touchpoint that bears on one of them is not ignored."""
    other = Definition("k", 1, (stage("x", "b"),))
    journeys = CustomerFold([journey("a"), other])
    change = journeys.fold("c", None, touches("a0 b1 z2"), START_MS)
    assert {one.journey: one.current for one in summaries(journeys, change.after)} == {"j": "a", "k": "x"}
    assert (change.applied, change.ignored) == (3, 1)


def test_a_journey_that_is_not_run_any_more_keeps_its_state():
    """What is stored of other journeys passes through."""
    both = CustomerFold([journey("a"), Definition("k", 1, (stage("x", "b"),))])
    record = both.fold("c", None, touches("a0 b1"), START_MS).after
    change = CustomerFold([journey("a")]).fold("c", record, touches("a2"), START_MS)
    assert [one.journey for one in summaries(both, change.after)] == ["j", "k"]


def test_the_next_deadline_is_that_of_the_earliest_instance():
    """One timer a customer: the first moment at which anything would change."""
    journeys = CustomerFold([journey(stage("a", drops_after_ms=HOUR_MS), key=("properties", "k"))])
    given = [touch("a", n, properties={"k": n}) for n in (3, 1, 2)]
    change = journeys.fold("c", None, given, START_MS)
    assert change.due_ms == START_MS + 2 * HOUR_MS + 1
    later = journeys.fold("c", change.after, [], change.due_ms)
    assert (len(later.transitions), later.due_ms) == (1, START_MS + 3 * HOUR_MS + 1)


def test_touchpoints_do_not_pay_for_timers():
    """A timer is set where none stands that is early enough; one that fires early sets the next, one in vain none."""
    journeys = CustomerFold([journey(stage("a", drops_after_ms=6 * HOUR_MS), stage("b", drops_after_ms=HOUR_MS))])
    first = journeys.fold("c", None, touches("a0"), START_MS)
    assert first.arm_ms == START_MS + 6 * HOUR_MS + 1
    later = journeys.fold("c", first.after, [touch("a", 1, "1")], START_MS + HOUR_MS)
    assert (later.arm_ms, later.due_ms) == (None, START_MS + 7 * HOUR_MS + 1)
    sooner = journeys.fold("c", later.after, [touch("b", 2, "2")], START_MS + 2 * HOUR_MS)
    assert sooner.arm_ms == START_MS + 3 * HOUR_MS + 1
    back = journeys.fold("c", sooner.after, [touch("a", 3, "3")], START_MS + 3 * HOUR_MS)
    early = journeys.fold("c", back.after, [], sooner.arm_ms)
    assert (back.arm_ms, early.arm_ms) == (None, START_MS + 9 * HOUR_MS + 1)
    in_vain = journeys.fold("c", early.after, [], first.arm_ms)
    assert (in_vain.arm_ms, in_vain.after) == (None, early.after)


def test_a_timer_far_off_waits_for_its_day():
    """The look at the beginning of the day sets the exact one; whoever has dropped off needs none."""
    journeys = CustomerFold([journey(stage("a", drops_after_ms=5 * DAY_MS))])
    first = journeys.fold("c", None, touches("a0"), START_MS)
    due_ms = START_MS + 5 * DAY_MS + 1
    assert first.arm_ms == due_ms - due_ms % DAY_MS
    early = journeys.fold("c", first.after, [], first.arm_ms)
    assert early.arm_ms == due_ms
    late = journeys.fold("c", early.after, [], due_ms)
    assert (late.arm_ms, [one.kind for one in late.transitions]) == (None, ["dropped"])
    again = journeys.fold("c", late.after, [touch("a", 200, "200")], START_MS + 200 * HOUR_MS)
    assert again.arm_ms == again.due_ms // DAY_MS * DAY_MS


def test_a_new_window_is_applied_to_what_the_log_holds():
    """A definition that differs in windows, limits or order folds the stored log again."""
    old, new = journey("a", "b", funnel=Funnel(window_ms=HOUR_MS)), journey("a", "b", funnel=Funnel(window_ms=DAY_MS))
    record = CustomerFold([old]).fold("c", None, touches("a0 b3"), START_MS).after
    change = CustomerFold([new]).fold("c", record, [], START_MS)
    assert change.aggregates == {"j|funnel|2025-10-09|a": -1, "j|funnel|2025-10-09|b": 1}


def test_a_new_stage_needs_the_old_definition():
    """With it stages are found by name, and the figures move over; without it there is one clear error."""
    old, new = journey("a", "c"), journey("a", "b", "c", order="forward")
    before = CustomerFold([old]).fold("c", None, touches("c0 a3"), START_MS)
    with pytest.raises(UnknownDefinitionError, match="rebuild"):
        CustomerFold([new]).fold("c", before.after, [], START_MS)
    journeys = CustomerFold([new], former=[old])
    change = journeys.fold("c", before.after, touches("b9"), START_MS)
    assert (summaries(journeys, change.after)[0].current, journeys.contribution(before.after)) == (
        "c",
        before.aggregates,
    )
    total = {
        name: before.aggregates.get(name, 0) + change.aggregates.get(name, 0)
        for name in before.aggregates | change.aggregates
    }
    assert {name: count for name, count in total.items() if count} == journeys.contribution(change.after)


@pytest.mark.parametrize("seed", range(20))
def test_aggregates_are_always_the_sum_of_contributions(seed):
    """Through late touches, duplicates, drop-offs by the clock and instances: differences add up to the state."""
    chance = random.Random(seed)
    definition = journey(
        stage("a", drops_after_ms=5 * HOUR_MS),
        stage("b", "b", "a", drops_after_ms=DAY_MS),
        stage("c", goal=True),
        exits=(Rule(type="x"),),
        key=("properties", "k") if seed % 2 else None,
    )
    journeys, record, total = CustomerFold([definition], horizon_ms=3 * DAY_MS), None, {}
    for n in range(40):
        given = [
            touch(chance.choice("aabcxz"), chance.randrange(300), f"e{chance.randrange(60)}", properties={"k": n % 3})
            for _ in range(chance.randrange(4))
        ]
        change = journeys.fold("c", record, given, START_MS + n * 8 * HOUR_MS)
        record = change.after
        assert 0 not in change.aggregates.values()
        for name, count in change.aggregates.items():
            total[name] = total.get(name, 0) + count
        assert {name: count for name, count in total.items() if count} == journeys.contribution(record)


def test_ids_that_bear_on_no_journey_count_once_for_servers():
    """A browser's is a duplicate where a server's is known, and gives way to it; and it is forgotten first."""
    ways = CustomerFold([journey("a")])
    claims = [touch("nothing", 1, f"n{place}") for place in range(40)]
    for one in claims:
        one.is_browser = True
    own = [touch("nothing", 2, f"n{place}") for place in range(3)]
    before = ways.fold("c", None, claims[:3], START_MS)
    after = ways.fold("c", before.after, own, START_MS)
    assert (before.applied, after.applied, after.duplicate) == (3, 0, 3)
    swapped = ways.fold("c", ways.fold("c", None, own, START_MS).after, claims[:3], START_MS)
    assert decode(swapped.after).other_ids == decode(after.after).other_ids
    full = ways.fold("c", after.after, claims, START_MS)
    assert ways.fold("c", full.after, own, START_MS).duplicate == 3


def received(one: Touch, days: float) -> Touch:
    """A touch that was received so many days after START_MS."""
    one.received_ms = START_MS + round(days * DAY_MS)
    return one


def test_who_began_long_before_they_were_received_share_a_cohort():
    """Dates from all over the past make no cells; those of the last 400 days have their own."""
    journeys, figures = CustomerFold([journey("a", "b")]), Counter()
    for place in range(500):
        past = [received(touch("a", -24 * place, f"a{place}"), 0), received(touch("b", 1, f"b{place}"), 0)]
        figures.update(journeys.fold("c", None, past, START_MS).aggregates)
    cohorts = {name.split("|")[2]: count for name, count in figures.items() if name.startswith("j|cohort|")}
    assert len(cohorts) == 402
    assert (cohorts["before"], cohorts["2025-10-09"]) == (99, 1)
    assert sum(count for name, count in figures.items() if name.startswith("j|reached|before|a|")) == 99


def test_a_cohort_stays_what_it_is_when_time_passes():
    """What a state adds depends on when it was first received, not on when one looks; a late touch may change it."""
    journeys = CustomerFold([journey("a", "b")])
    first = journeys.fold("c", None, [received(touch("a"), 300)], START_MS + 300 * DAY_MS)
    after = journeys.fold("c", first.after, [received(touch("b", 24 * 900), 900)], START_MS + 900 * DAY_MS)
    assert journeys.contribution(after.after)["j|cohort|2025-10-09"] == 1
    late = journeys.fold("c", first.after, [received(touch("a", -24 * 200, "x"), 301)], START_MS + 301 * DAY_MS)
    assert (late.aggregates["j|cohort|2025-10-09"], late.aggregates["j|cohort|before"]) == (-1, 1)


def test_a_cohort_is_the_same_however_batches_are_cut():
    """The touch that came first decides, not the one of the batch that was received first."""
    journeys = CustomerFold([journey("a", "b")])
    came = [received(touch("a", -24 * 390, "x"), 20), received(touch("a", -24 * 389, "y"), 0)]
    now_ms = START_MS + 20 * DAY_MS
    once = journeys.fold("c", None, came, now_ms).after
    twice = journeys.fold("c", journeys.fold("c", None, came[:1], now_ms).after, came[1:], now_ms).after
    assert journeys.contribution(once) == journeys.contribution(twice)
    assert journeys.contribution(once)["j|cohort|before"] == 1


def test_a_wrong_time_of_reception_puts_nobody_into_the_past():
    """One in the future counts as the present moment, and without one every day has its cohort."""
    journeys = CustomerFold([journey("a", "b")])
    for given in (received(touch("a"), 30_000), touch("a")):
        assert journeys.fold("c", None, [given], START_MS + DAY_MS).aggregates["j|cohort|2025-10-09"] == 1
