"""Tracking plans: what a file of them says, and what of a touchpoint is not as planned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.tracking_plans.draft import document, drafted
from tracker.tracking_plans.tracking_plan import MOST_REPORTED, SourcePlan, compiled, narrowed, read

PLAN = """
sources:
  web-shop:
    violations: reject
    other_types: violate
    types:
      Page Viewed: {}
      Order Completed:
        required: [order_id]
        properties:
          order_id: {type: string}
          amount: {type: number, minimum: 0}
        additionalProperties: false
"""


def plan(text: str = PLAN) -> SourcePlan:
    plans, problems = read(text)
    assert problems == []
    return plans["web-shop"]


@pytest.mark.parametrize(
    ("type_", "properties", "kinds"),
    [
        ("Page Viewed", {"anything": 1}, []),
        ("Order Completed", {"order_id": "1", "amount": 3}, []),
        ("Order Completed", {}, ["missing"]),
        ("Order Completed", {"order_id": 1}, ["wrong_type"]),
        ("Order Completed", {"order_id": "1", "amount": -1}, ["wrong_value"]),
        ("Order Completed", {"order_id": "1", "note": ""}, ["unplanned_property"]),
        ("Order Opened", {}, ["unplanned_type"]),
    ],
)
def test_a_violation_has_its_kind(type_, properties, kinds) -> None:
    """Each is a word of a closed set."""
    assert [each.kind for each in plan().violations(type_, properties)] == kinds


def test_a_sentence_names_the_place_and_not_the_value() -> None:
    """It goes to logs of senders and into Kafka; what somebody bought is nobody's there."""
    (found,) = plan().violations("Order Completed", {"order_id": "1", "amount": "secret"})
    assert found.detail == 'properties.amount: the value is not of type "number"'


def test_the_number_of_violations_is_bounded() -> None:
    """The first few of a thousand."""
    lists = plan("sources: {web-shop: {types: {t: {properties: {a: {items: {type: string}}}}}}}")
    assert len(lists.violations("t", {"a": [1] * 1000})) == MOST_REPORTED


def test_an_open_plan_lets_other_types_be() -> None:
    """What is not mentioned is not looked at, and what is not as planned is marked, unless the plan says more."""
    open_plan = plan("sources: {web-shop: {types: {t: {}}}}")
    assert not open_plan.rejects and open_plan.violations("other", {"a": 1}) == []


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), "no file of tracking plans"),
        ("sources: 5", (1, 10), "expected a group of keys, found 5"),
        ("sources: {}\nsource: {}", (2, 1), "'source' is not known"),
        ("sources:\n  a:\n    violations: drop", (3, 17), "violations cannot be 'drop'"),
        ("sources:\n  a:\n    typs: {}", (3, 11), "'typs' is not known"),
        ("sources:\n  a:\n    types:\n      t: {type: strin}", (4, 10), "'t' has no valid JSON Schema"),
        ("sources: {a: {types: {t: {$ref: 'http://127.0.0.1:9/x'}}}}", (1, 26), "Retrieval is disabled"),
        ("sources: {a: {types: {t: {$ref: 'file:///etc/passwd'}}}}", (1, 26), "Retrieval is disabled"),
        ("sources: {a: {types: {t: {properties: {p: {pattern: '(?=a)'}}}}}}", (1, 53), "look-ahead is not supported"),
        ("sources: {a: {types: {t: {patternProperties: {'(a)\\1': {}}}}}}", (1, 47), "back reference is not supported"),
        ("sources: {a: {types: {t: {properties: {p: {pattern: '(a'}}}}}}", (1, 26), "regex"),
        ("sources: [", (1, 11), ""),
    ],
)
def test_a_wrong_file_is_reported_by_line(text, place, message) -> None:
    """With line, column and remedy; nothing outside the file is ever fetched."""
    _, problems = read(text)
    assert any((each.line, each.column) == place and message in each.message for each in problems), problems
    assert all(each.remedy for each in problems)


def test_no_text_makes_a_pattern_slow() -> None:
    """Patterns are matched in linear time."""
    assert not compiled({"pattern": "^(a+)+$"}).is_valid("a" * 30_000 + "b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), JSON)), max_size=8)


@given(EVENTS)
def test_what_a_plan_is_drafted_from_is_as_planned(events) -> None:
    """Whatever was seen passes the plan made of it, closed and all."""
    types = document("web-shop", drafted(events), rejects=True, closed=True)["sources"]["web-shop"]["types"]
    made = SourcePlan(True, True, types, {type_: compiled(schema) for type_, schema in types.items()})
    assert [made.violations(*event) for event in events] == [[]] * len(events)


def test_a_draft_says_what_was_always_there() -> None:
    """Required is what every event had; several types are a choice; a map of many names is left open."""
    wide = {str(number): 1 for number in range(201)}
    draft = drafted([("t", {"a": 1, "b": {"c": None}, "m": wide}), ("t", {"a": 1.5, "b": {"c": "x", "d": [True]}})])
    assert draft.types()["t"] == {
        "description": "seen 2 times",
        "type": "object",
        "properties": {
            "a": {"type": "number"},
            "b": {
                "type": "object",
                "properties": {
                    "c": {"type": ["null", "string"]},
                    "d": {"type": "array", "items": {"type": "boolean"}},
                },
                "required": ["c"],
            },
            "m": {"type": "object"},
        },
        "required": ["a", "b"],
    }


def test_a_type_in_a_plan_has_one_form() -> None:
    """A type whose letters are spelled otherwise in the file is the type of the touchpoints."""
    spelled = plan(PLAN.replace("Page Viewed", "Cafe\u0301 Viewed"))
    assert spelled.violations("Caf\u00e9 Viewed", {}) == []


def test_a_changed_plan_is_compared_with_the_one_before() -> None:
    """What passed and no longer passes is reported by type; a wider plan reports nothing."""
    wider = PLAN.replace("required: [order_id]", "required: []").replace("violate", "allow")
    assert list(narrowed(plan(), plan(wider))) == []
    found = dict(narrowed(plan(wider), plan()))
    assert "order_id" in found["Order Completed"] and found["*"] == "other types are no longer allowed"
    without = PLAN.replace("      Page Viewed: {}\n", "")
    assert dict(narrowed(plan(), plan(without))) == {"Page Viewed": "is no longer in the plan"}
