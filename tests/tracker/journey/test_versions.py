"""Versions of a journey: what differs, in words, and what a change asks of stored states."""

from dataclasses import fields, replace
from typing import Any

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, journey, stage
from tracker.journey.definition import (
    Accounts,
    Alerts,
    Buckets,
    Condition,
    Definition,
    Example,
    Exclusion,
    Funnel,
    Rule,
    Segment,
    Stage,
    Survey,
)
from tracker.journey.versions import WORDING, DefinitionDifference, decide, differences, digest

PAID = Rule("shop", "Order", (Condition(("properties", "status"), "eq", "paid"),))
CART = Rule(type="Cart")
FULL = journey(
    stage("seen", "Page", drops_after_ms=DAY_MS),
    Stage("cart", (CART,)),
    Stage("bought", (PAID,), goal=True),
    order="free",
    funnel=Funnel("sequential", 30 * DAY_MS, {"bought": HOUR_MS}, (Exclusion(Rule(type="Left")),)),
    exits=(Rule(type="Closed"),),
    segments=(Segment("type", ("context", "type"), ("b2b", "b2c")), Segment("place", ("context", "place"), ("here",))),
    feedback=(Survey("nps", Rule(type="Answer")),),
    accounts=Accounts("firms", "role", 1, "buyer", ("context", "role")),
)
SEEN, IN_CART, BOUGHT = FULL.stages
TYPE, PLACE = FULL.segments
LEFT = FULL.funnel.exclude[0]


def having(**changes: Any) -> Definition:
    return replace(FULL, **changes)


def funnel(**changes: Any) -> Definition:
    return having(funnel=replace(FULL.funnel, **changes))


def cart(**changes: Any) -> Definition:
    return having(stages=(SEEN, replace(IN_CART, **changes), BOUGHT))


def accounts(**changes: Any) -> Definition:
    return having(accounts=replace(FULL.accounts, **changes))


CHANGES = {
    "a stage in the middle": (
        having(stages=(SEEN, stage("new"), IN_CART, BOUGHT)), "stages.new is new", "history",
    ),
    "a stage less": (having(stages=(SEEN, BOUGHT)), "stages.cart is gone", "fold"),
    "stages in another order": (
        having(stages=(IN_CART, SEEN, BOUGHT)), "order of stages: [seen, cart, bought] → [cart, seen, bought]", "fold",
    ),
    "a rule more": (cart(touchpoints=(CART, PAID)),
                    "stages.cart.touchpoints: shop Order where properties.status = paid is new", "history"),
    "a rule less": (cart(touchpoints=()), "stages.cart.touchpoints: Cart is gone", "history"),
    "a limit": (cart(drops_after_ms=14 * DAY_MS), "stages.cart.drops_after: none → 14d", "fold"),
    "an optional stage": (cart(optional=True), "stages.cart.optional: false → true", "fold"),
    "a goal": (cart(goal=True), "stages.cart.goal: false → true", "fold"),
    "forward": (having(order="forward"), "order: free → forward", "fold"),
    "a mode": (funnel(mode="any"), "funnel.mode: sequential → any", "fold"),
    "a strict funnel": (funnel(mode="strict"), "funnel.mode: sequential → strict", "fold"),
    "a window": (funnel(window_ms=None), "funnel.window: 30d → none", "fold"),
    "a window of a step": (funnel(step_windows_ms={}), "funnel.window.bought: 1h → none", "fold"),
    "an exclusion": (
        funnel(exclude=(LEFT, Exclusion(PAID))),
        "funnel.exclude: shop Order where properties.status = paid is new", "history",
    ),
    "what is no activity": (having(not_activity=(CART,)), "not_activity: Cart is new", "history"),
    "no exclusion": (funnel(exclude=()), "funnel.exclude: Left is gone", "fold"),
    "another place of an exclusion": (
        funnel(exclude=(Exclusion(LEFT.rule, ("seen", "cart")),)),
        "funnel.exclude: Left is gone; funnel.exclude: Left between seen and cart is new", "fold",
    ),
    "an exit": (having(exits=(*FULL.exits, CART)), "exits: Cart is new", "history"),
    "no exit": (having(exits=()), "exits: Closed is gone", "history"),
    "a segment": (having(segments=(TYPE,)), "segments.place is gone", "fold"),
    "a new segment": (
        having(segments=(*FULL.segments, Segment("s", ("context", "s"), ("x",)))), "segments.s is new", "history",
    ),
    "segments in another order": (
        having(segments=(PLACE, TYPE)), "order of segments: [type, place] → [place, type]", "fold",
    ),
    "a value more": (
        having(segments=(replace(TYPE, values=("b2b", "b2c", "b2g")), PLACE)),
        "segments.type.values: b2g is new", "history",
    ),
    "a value less": (
        having(segments=(replace(TYPE, values=("b2c",)), PLACE)), "segments.type.values: b2b is gone", "fold",
    ),
    "values in another order": (
        having(segments=(replace(TYPE, values=("b2c", "b2b")), PLACE)),
        "order of segments.type.values: [b2b, b2c] → [b2c, b2b]", "fold",
    ),
    "another path of a segment": (
        having(segments=(replace(TYPE, path=("context", "kind")), PLACE)),
        "segments.type.from: context.type → context.kind", "history",
    ),
    "an attribution": (
        having(segments=(replace(TYPE, attribution="last"), PLACE)), "segments.type.attribution: first → last", "fold",
    ),
    "a key": (having(key=("properties", "order")), "key: none → properties.order", "history"),
    "buckets": (
        having(buckets=replace(FULL.buckets, stay_ms=(HOUR_MS, DAY_MS))),
        "buckets.stay: [1m, 10m, 1h, 6h, 1d, 3d, 7d, 30d, 90d] → [1h, 1d]", "fold",
    ),
    "other buckets": (
        having(buckets=Buckets(convert_ms=(DAY_MS,))),
        "buckets.convert: [1m, 10m, 1h, 6h, 1d, 3d, 7d, 30d, 90d] → [1d]", "fold",
    ),
    "a question": (
        having(feedback=(*FULL.feedback, Survey("csat", Rule(type="Answer")))), "feedback.csat is new", "history",
    ),
    "no question": (having(feedback=()), "feedback.nps is gone", "fold"),
    "another answer": (
        having(feedback=(Survey("nps", CART),)),
        "feedback.nps: Answer, score properties.score is gone; feedback.nps: Cart, score properties.score is new",
        "history",
    ),
    "no accounts": (having(accounts=None), "accounts is gone", "fold"),
    "another rule of accounts": (accounts(rule="quorum"), "accounts.rule: role → quorum", "fold"),
    "more people": (accounts(people=3), "accounts.people: 1 → 3", "fold"),
    "another role": (accounts(role="user"), "accounts.role: buyer → user", "history"),
    "another path of roles": (accounts(path=("context", "r")), "accounts.from: context.role → context.r", "history"),
    "another name of accounts": (accounts(journey="f"), "accounts.journey: firms → f", "history"),
}  # fmt: skip


@pytest.mark.parametrize(("after", "words", "need"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_said_in_the_words_of_the_file(after, words, need):
    """Each difference names its key and both values, and the change asks for what its differences ask for."""
    found = differences(FULL, after)
    assert "; ".join(map(str, found)) == words
    assert decide(FULL, replace(after, version=2)).need == need
    assert digest(after) != digest(FULL)


def test_a_way_back_is_said_too():
    """What is new one way is gone the other way."""
    for after, _, _ in CHANGES.values():
        there, back = (differences(*pair) for pair in ((FULL, after), (after, FULL)))
        assert {(one.path, one.before, one.after) for one in there} == {
            (one.path, one.after, one.before) for one in back
        }


def test_the_first_limit_asks_for_history():
    """Without limits, strict chains and surveys, touchpoints that meet no rule are not stored."""
    plain, timed = journey("a", "b"), journey(stage("a", drops_after_ms=DAY_MS), "b")
    assert differences(plain, timed) == (DefinitionDifference("stages.a.drops_after", "none", "1d", "history"),)
    assert [one.need for one in differences(plain, journey("a", "b", funnel=Funnel("strict")))] == ["history"]
    assert [one.need for one in differences(timed, plain)] == ["fold"]


def test_a_number_is_no_yes():
    """Values that Python takes for equal are told apart: 1 and true mean different touchpoints."""
    one, yes = (Rule(type="a", where=(Condition(("properties", "n"), "eq", value),)) for value in (1, True))
    before, after = (journey(Stage("a", (rule,))) for rule in (one, yes))
    assert [str(each) for each in differences(before, after)] == [
        "stages.a.touchpoints: a where properties.n = 1 is gone",
        "stages.a.touchpoints: a where properties.n = True is new",
    ]


def test_names_with_dots_are_names():
    """A stage may have a dot in its name, or the name of a key."""
    before = journey("a")
    assert [each.need for each in differences(before, journey("a", "b.c", "touchpoints"))] == ["history", "history"]


TEXTS = {
    "title": "t", "description": "d", "persona": "p", "lanes": {"actions": ("x",)}, "mood": 1, "target_mood": 2,
    "alerts": Alerts(stalled=None), "examples": (Example((), {}),),
}  # fmt: skip


@pytest.mark.parametrize("key", WORDING)
def test_texts_count_nothing(key):
    """What is only read by people, or by alerts, changes no state."""
    after = cart(**{key: TEXTS[key]}) if hasattr(IN_CART, key) else having(**{key: TEXTS[key]})
    assert differences(FULL, after) == () and digest(after) == digest(FULL)
    assert decide(FULL, after).verdict == "wording"
    assert decide(FULL, replace(after, version=2)) == ("taken", ()) and decide(FULL, after).need is None


def test_no_key_is_forgotten():
    """Each field of a definition and its parts is a text, a name, or among the changes above."""
    tried = " ".join(words for _, words, _ in CHANGES.values())
    names = {"journey", "version", "name", "of_people", "kind"}
    words = {
        "drops_after_ms": "drops_after", "window_ms": "window:", "step_windows_ms": "window.", "path": "from",
        "stay_ms": "buckets.stay", "convert_ms": "buckets.convert", "between": "between", "rule": "Left",
        "score": "score", "channel": "shop", "type": "Order", "where": "where",
    }  # fmt: skip
    for part in (Definition, Stage, Funnel, Exclusion, Segment, Survey, Accounts, Buckets, Rule):
        for field in fields(part):
            known = field.name in names or field.name in WORDING
            assert known or words.get(field.name, field.name) in tried, f"{part.__name__}.{field.name}"


def test_what_becomes_of_a_file():
    """A higher version is taken, a lower one is not, the same one only where it counts the same."""
    third = having(version=3)
    assert decide(None, FULL) == ("new", ())
    assert decide(third, third).verdict == "same"
    assert decide(third, replace(third, order="forward")).verdict == "refused"
    older = decide(third, replace(FULL, order="forward"))
    assert older.verdict == "older" and str(older.differences[0]) == "order: forward → free"
    assert decide(FULL, replace(third, order="forward")).verdict == "taken"
