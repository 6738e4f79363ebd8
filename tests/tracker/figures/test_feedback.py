"""Feedback: the latest answer of each kind, whatever order answers come in."""

from itertools import permutations

import pytest

from tests.tracker.making import START_MS, journey, touch
from tracker.engine.customer import CustomerFold
from tracker.figures.feedback import join
from tracker.journey.definition import Condition, Rule, Segment, Survey
from tracker.records.state import decode

NPS = Survey("nps", Rule(type="survey", where=(Condition(("properties", "scale"), "eq", "nps"),)))
CSAT = Survey("csat", Rule(channel="support", type="rated"), ("properties", "stars"))


def answer(score: object, hours: float = 1, scale: str = "nps"):
    return touch("survey", hours, f"{score}{hours}{scale}", properties={"score": score, "scale": scale})


def figures(given: list, **more) -> dict[str, int]:
    journeys = CustomerFold([journey("a", feedback=(NPS, CSAT), **more)])
    change = journeys.fold("c", None, given, START_MS)
    assert journeys.contribution(change.after) == change.aggregates
    return {name: count for name, count in change.aggregates.items() if "|feedback|" in name}


def test_the_latest_answer_counts_whatever_the_order():
    """One answer a kind: the newest, at one moment the higher; repetition changes nothing."""
    given = [touch("a"), answer(3, 1), answer(9, 2), answer(8, 2), answer(9, 2)]
    for order in permutations(given):
        journeys = CustomerFold([journey("a", feedback=(NPS,))])
        record, total = None, {}
        for one in order:
            change = journeys.fold("c", record, [one], START_MS)
            record = change.after
            for name, count in change.aggregates.items():
                total[name] = total.get(name, 0) + count
        assert total["j|feedback|nps|9"] == 1
        assert sum(count for name, count in total.items() if "|feedback|" in name) == 1


def test_kinds_stand_beside_each_other_with_their_own_rule_and_place():
    """Channel, conditions and the score's place are the survey's."""
    rated = touch("rated", 3, channel="support", properties={"stars": "4"})
    assert figures([touch("a"), answer(9), rated]) == {"j|feedback|nps|9": 1, "j|feedback|csat|4": 1}
    assert figures([touch("a"), answer(9, scale="ces"), touch("rated", 3, properties={"stars": 4})]) == {}


@pytest.mark.parametrize("score", [11, -1, "many", None, True, [9], float("nan"), 8.5, "9.5", -0.2])
def test_what_is_no_score_is_no_answer(score):
    """Outside the scale, half a point or no number: left aside, and the answer before it stays."""
    assert figures([touch("a"), answer(7), answer(score, 2)]) == {"j|feedback|nps|7": 1}


def test_feedback_counts_once_the_journey_has_begun():
    """An answer alone makes nobody a customer of the journey; it counts from the first stage on."""
    assert figures([answer(9)]) == {}
    assert figures([answer(9), touch("a", 5)]) == {"j|feedback|nps|9": 1}


def test_feedback_by_segment_follows_the_customer():
    """A changed value takes the answer along."""
    segments = (Segment("s", ("context", "s"), ("x", "y"), "last"),)
    found = figures([touch("a", context={"s": "x"}), answer(9), touch("a", 2, context={"s": "y"})], segments=segments)
    assert found == {"j|feedback|nps|9": 1, "j|feedback|nps|9|s=y": 1}


def test_two_customers_who_are_one_have_the_newer_answers():
    """Joining is the same in either order, and with itself changes nothing."""
    one, other = (0, 100, 3, 1, 200, 5), (0, 150, 9, 2, 10, 7)
    assert join(one, other) == join(other, one) == (0, 150, 9, 1, 200, 5, 2, 10, 7)
    assert join(one, one) == one


def test_who_never_answered_pays_one_byte():
    """The state of a customer without an answer grows by an empty list."""
    silent = CustomerFold([journey("a")]).fold("c", None, [touch("a")], START_MS).after
    asked = CustomerFold([journey("a", feedback=(NPS,))]).fold("c", None, [touch("a")], START_MS).after
    assert len(silent) == len(asked)
    assert decode(silent).journeys[0].instances[0].feedback == ()
