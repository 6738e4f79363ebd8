"""Accounts of single customers."""

from dataclasses import replace

import pytest

from tests.strategies import BASE_MS, UNIT_MS
from tracker.engine.customer import MAX_INSTANCES, CustomerFold
from tracker.identity.kinds import MAX_ALIASES
from tracker.identity.ties import Edge, Ties, write
from tracker.identity.trust import ranked_ms
from tracker.journey.definition import Condition, Definition, Exclusion, Funnel, Rule, Stage, Survey
from tracker.journey.words import describe
from tracker.records.state import decode, encode
from tracker.replay.explain import explain, explain_record
from tracker.replay.replay import columns_of
from tracker.touch import Touch

DEFINITION = Definition(
    "shop",
    2,
    (
        Stage("visit", (Rule("web", "page"),), drops_after_ms=48 * UNIT_MS),
        Stage("basket", (Rule(type="add"),), drops_after_ms=2 * UNIT_MS),
        Stage("order", (Rule(type="order", where=(Condition(("properties", "paid"), "eq", True),)),), goal=True),
    ),
    funnel=Funnel(exclude=(Exclusion(Rule(type="cancel"), ("visit", "order")),)),
    exits=(Rule(type="close"),),
)


def touch(kind, hour, name=None, **properties):
    return Touch("ann", BASE_MS + hour * UNIT_MS, kind, "web", name or f"{kind}{hour}", properties, {})


def explained(touches, now_hour):
    columns = columns_of([DEFINITION], touches)
    return explain(DEFINITION, columns, "ann", columns.of("ann"), BASE_MS + now_hour * UNIT_MS)


def hours(at_ms):
    return None if at_ms is None else f"{(at_ms - BASE_MS) / UNIT_MS:g} h"


def effects(story):
    return [line.effects for line in story.lines]


def test_what_each_touchpoint_did():
    """Each touchpoint says what it changed, in the order of the set, however the events came."""
    touches = [touch("order", 3, paid=True), touch("page", 0), touch("close", 5)]
    (story,) = explained(touches, 6).stories
    assert effects(story) == [
        ["entered the journey at visit", "reached funnel depth 1 (visit)"],
        ["moved on from visit to order, skipping basket", "reached a goal"],
        ["left the journey from order"],
    ]
    assert [line.rule for line in story.lines] == [
        "visit, rule 1: web page",
        "order, rule 1: order where properties.paid = True",
        "exit, rule 1: close",
    ]


def test_drop_off_and_recovery():
    """A gap that was too long is reported where it ended."""
    (story,) = explained([touch("add", 0), touch("add", 5)], 6).stories
    assert effects(story)[1][:2] == [
        "had dropped off in basket, having been quiet for too long",
        "came back after dropping off in basket",
    ]


def test_what_is_not_the_customers_activity():
    """A mail that was sent says so and nothing else; an exit by others says both, in a replay and in a stored state."""
    definition = replace(DEFINITION, not_activity=(Rule(where=(Condition(("context", "by"), "eq", "business"),)),))
    mail, closing = touch("mail", 1), touch("close", 90)
    for one in (mail, closing):
        one.context["by"] = "business"
    touches = [touch("page", 0), mail, closing]
    columns = columns_of([definition], touches)
    told = explain(definition, columns, "ann", columns.of("ann"), BASE_MS + 99 * UNIT_MS)
    reason = "not the customer's activity: it breaks no silence and belongs to no stage"
    assert [line.effects for line in told.others] == [[reason]]
    ended = ["had dropped off in visit, having been quiet for too long", "left the journey from visit", reason]
    assert effects(told.stories[0])[1] == ended
    assert told.stories[0].lines[1].rule == "exit, rule 1: close"
    journeys = CustomerFold([definition])
    record = journeys.fold("ann", None, touches, BASE_MS + 99 * UNIT_MS).after
    (stored,) = explain_record(journeys, "ann", record, BASE_MS + 99 * UNIT_MS)
    assert effects(stored.stories[0])[1] == ended


def test_what_has_no_effect():
    """Duplicates and touchpoints without a journey are listed with the reason."""
    others = explained([touch("page", 0, "e"), touch("page", 0, "e")], 1).others
    assert [line.effects for line in others] == [["a duplicate: it counts once"]]


def test_a_browsers_version_is_told_where_a_servers_counts():
    """It is listed with the reason, and the server's does what it does."""
    claim = touch("order", 1, "order-1", paid=True)
    claim.is_browser = True
    found = explained([claim, touch("page", 0, "order-1")], 1)
    assert [line.effects for line in found.others] == [["a browser's version: a server's with the same id counts"]]
    assert effects(found.stories[0]) == [["entered the journey at visit", "reached funnel depth 1 (visit)"]]


@pytest.mark.parametrize(
    ("touches", "now_hour", "expected"),
    [
        ([touch("page", 0)], 1, ["To basket: add.", "Without a touchpoint the customer drops off in 1d23h (2d)."]),
        ([touch("add", 0)], 9, ["To order: order where properties.paid = True.", "The funnel's next step is visit.",
                                "The customer has dropped off; any touchpoint is a recovery."]),
        ([touch("order", 0, paid=True)], 9, ["This is the last stage.", "The funnel's next step is visit."]),
    ],
)  # fmt: skip
def test_what_next(touches, now_hour, expected):
    """An account ends with what would move the customer on and what the clock will do."""
    (story,) = explained(touches, now_hour).stories
    assert story.next == expected


def test_nobody_in_the_journey():
    """A customer without a touchpoint of any stage is said not to be in it."""
    assert "the customer is not in it" in explained([touch("cancel", 0)], 1).as_text(hours)


def test_a_stored_customer():
    """A stored record is explained by its log; what is older than the horizon is folded together."""
    journeys = CustomerFold([DEFINITION], horizon_ms=10 * UNIT_MS)
    record = None
    old = [touch("add", 0, f"old{number}") for number in range(200)]
    for one in [*old, touch("add", 30), touch("page", 31), touch("add", 32)]:
        record = journeys.fold("ann", record, [one], one.at_ms).after
    (only,) = explain_record(journeys, "ann", record, BASE_MS + 33 * UNIT_MS)
    (story,) = only.stories
    assert story.summary.current == "basket"
    assert [hours(line.at_ms) for line in story.lines][-3:] == ["30 h", "31 h", "32 h"]
    assert story.folded_away == story.lines[0].at_ms
    assert "are folded together" in only.as_text(hours)


def test_rules_in_words():
    """A rule is shown with all its conditions."""
    where = (
        Condition(("properties", "price"), "gte", 10),
        Condition(("context", "country"), "in", ("SE", "NO")),
        Condition(("context", "test"), "exists", False),
    )
    assert describe(Rule("web", "add", where)) == (
        "web add where properties.price ≥ 10 and context.country one of SE, NO and context.test is missing"
    )
    assert describe(Rule()) == "any touchpoint"


def test_answers_are_named():
    """A touchpoint that answers a question says so, and the latest answers stand beside the customer's place."""
    asked = replace(DEFINITION, feedback=(Survey("csat", Rule(type="rated")),))
    rated = [touch("page", 0), touch("rated", 1, score=2), touch("rated", 2, score="5"), touch("rated", 3, score=4.5)]
    columns = columns_of([asked], rated)
    explanation = explain(asked, columns, "ann", columns.of("ann"), BASE_MS + 4 * UNIT_MS)
    (story,) = explanation.stories
    quiet = "changed nothing, but shows that the customer is not quiet"
    assert effects(story)[1:] == [[quiet, "answered csat with 2"], [quiet, "answered csat with 5"], [quiet]]
    assert explanation.as_json(hours)["instances"][0]["answers"] == [{"question": "csat", "score": 5, "at": "2 h"}]
    assert "Answers\n  2 h  csat: 5" in explanation.as_text(hours)
    record = CustomerFold([asked]).fold("ann", None, rated, BASE_MS + 4 * UNIT_MS).after
    (stored,) = explain_record(CustomerFold([asked]), "ann", record, BASE_MS + 4 * UNIT_MS)
    assert "csat: 5" in stored.as_text(hours)


def test_a_limit_that_is_reached_is_told():
    """How many are kept, and how many of them are of browsers alone."""
    journeys = CustomerFold([replace(DEFINITION, key=("properties", "order"))])
    carts = [touch("add", number, order=f"cart{number}") for number in range(MAX_INSTANCES)]
    carts[0].is_browser = True
    record = decode(journeys.fold("ann", None, carts, BASE_MS).after)
    known = {f"anonymous_id:{number}": Edge(ranked_ms(number, is_browser=True)) for number in range(MAX_ALIASES)}
    record.ties = write(Ties(known))
    (found,) = explain_record(journeys, "ann", encode(record), BASE_MS)
    assert [text.partition(",")[0] for text in found.limits] == ["500 instances", "100 ties to other names"]
    assert "1 of them are of browsers alone" in found.limits[0]
    assert found.as_json(hours)["limits"] == found.limits
    assert "Limits reached\n  500 instances" in found.as_text(hours)
