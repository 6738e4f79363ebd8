"""Matchers: which stages, exits and exclusions a touch meets, and under which rule."""

import pytest

from tests.tracker.making import journey, stage, touch
from tracker.engine.matcher import MAX_BITS, Matcher, as_text, rule_names, segment_coder
from tracker.journey.definition import Condition, Definition, Exclusion, Funnel, Rule, Segment, Stage
from tracker.records.log import NO_RULE


def three() -> Definition:
    """Two stages of which one asks for a channel and a price, an exit and an exclusion."""
    dear = Rule(channel="shop", type="order", where=(Condition(("properties", "price"), "gte", 10),))
    return Definition(
        "j", 1, (Stage("look", (Rule(type="page"), Rule(channel="shop"))), Stage("buy", (dear,))),
        exits=(Rule(type="close"),), funnel=Funnel(exclude=(Exclusion(Rule(type="close")),)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "bits", "rule"),
    [
        (touch("page"), 0b0001, 0),
        (touch("page", channel="shop"), 0b0001, 0),
        (touch("other", channel="shop"), 0b0001, 1),
        (touch("order", channel="shop", properties={"price": 12}), 0b0011, 1),
        (touch("order", channel="shop", properties={"price": 2}), 0b0001, 1),
        (touch("order", properties={"price": 12}), 0, NO_RULE),
        (touch("close"), 0b1100, 3),
        (touch("never seen", channel="never seen"), 0, NO_RULE),
    ],
)
def test_each_rule_that_is_met_is_a_bit(given, bits, rule):
    """Stages from the lowest bit, then the exit, then the exclusions; and the first rule met."""
    assert tuple(Matcher(three()).match(given)) == (bits, rule)


def test_rules_are_numbered_over_the_whole_definition():
    """By number: whose rule it is, and its place there."""
    assert rule_names(three()) == [("look", 0), ("look", 1), ("buy", 0), ("exit", 0), ("exclude", 0)]


def test_channel_and_type_answer_alone_where_no_rule_has_a_condition():
    """Then nothing of the touch needs to be looked at."""
    matcher = Matcher(three())
    assert matcher.ready("web", "page") == (1, 0)
    assert matcher.ready("shop", "order") is None


def test_more_stages_than_bits_are_refused():
    """A definition that does not fit says so when it is loaded."""
    with pytest.raises(ValueError, match="more than 62 stages"):
        Matcher(journey(*(stage(f"s{place}") for place in range(MAX_BITS))))


def test_a_segment_value_is_one_byte():
    """0 for none, 1 for one that is not declared, then the declared ones; numbers read as JSON writes them."""
    code = segment_coder((Segment("s", ("context", "s"), ("a", "7")), Segment("t", ("properties", "t"), ("true",))))
    seen = [({"s": "a"}, {}), ({"s": 7}, {"t": True}), ({"s": "x"}, {"t": ""}), ({"s": []}, {"t": None})]
    given = [touch("page", context=context, properties=properties) for context, properties in seen]
    assert [code(one) for one in given] == [b"\2\0", b"\3\2", b"\1\0", b"\1\0"]


def test_texts_are_as_json_writes_them():
    """Lists, objects and null are none."""
    assert [as_text(one) for one in ("x", True, 1.5, 3, None, [], {})] == ["x", "true", "1.5", "3", None, None, None]
