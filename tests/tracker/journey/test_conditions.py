"""Conditions: every operator, on fitting and on odd values."""

from typing import Any

import pytest

from tests.tracker.making import touch
from tracker.journey.conditions import OPERATORS, compile_condition, compile_where, lookup
from tracker.journey.definition import Condition, Rule

ODD = [None, True, False, 0, -1, 1e308, float("nan"), "", "x" * 100_000, "1e999", [], [None], {}, {"a": {}}, b"\xff"]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("wanted", ["x", 3, 2.5, True, None, ["x", 3], {"a": 1}])
def test_a_test_never_raises_whatever_the_value(operator, wanted):
    """Any operator, compiled with any value it accepts, answers yes or no for every odd value."""
    if operator == "matches" and not isinstance(wanted, str):
        with pytest.raises(ValueError, match="text"):
            OPERATORS[operator](wanted)
        return
    test = OPERATORS[operator](wanted)
    assert all(test(value) in (True, False) for value in ODD)


@pytest.mark.parametrize(
    ("operator", "wanted", "yes", "no"),
    [
        ("eq", "paid", ["paid"], ["Paid", "", None, 1]),
        ("eq", 3, [3, 3.0, "3", " 3.0 "], [4, "x", None, True, "3 pieces"]),
        ("eq", True, [True], [1, "true", None]),
        ("ne", "paid", ["open", None, 3], ["paid"]),
        ("in", ["SE", 7], ["SE", 7, "7"], ["NO", None]),
        ("not_in", ["SE", "NO"], ["DK", None], ["SE"]),
        ("gt", 10, [10.5, "11"], [10, "10", None, True, "many"]),
        ("gte", 10, [10, "10.0"], [9.99, None]),
        ("lt", 10, [9, "-1"], [10, None]),
        ("lte", 10, [10], [10.01, "x"]),
        ("gte", "2026-01-01", ["2026-01-01", "2026-05-09"], ["2025-12-31", 3, None]),
        ("exists", True, [0, "", False, []], [None]),
        ("exists", False, [None], [0, ""]),
        ("contains", "ring", ["earrings", ["ring", "box"]], ["Ring", ["rings"], None, 3]),
        ("contains", 3, [[1, 3], ["3"]], ["3", [4], None]),
        ("matches", r"^/shop/\w+$", ["/shop/rings"], ["/shop/", "/x/shop/a", None, 7]),
    ],
)
def test_an_operator_means_what_its_name_says(operator, wanted, yes, no):
    """Numbers meet numbers sent as text; booleans are no numbers; a missing value meets only `ne`, `not_in`."""
    test = OPERATORS[operator](wanted)
    assert [value for value in yes if not test(value)] == []
    assert [value for value in no if test(value)] == []


def test_a_path_leads_through_nested_properties_or_to_nothing():
    """A missing part, or a plain value where a part is looked for, is a missing value."""
    one = touch("a", properties={"cart": {"total": 12}, "n": 3}, context={"b2b": True}, channel="shop")
    paths: list[tuple[tuple[str, ...], Any]] = [
        (("properties", "cart", "total"), 12),
        (("properties", "n", "total"), None),
        (("context", "b2b"), True),
        (("channel",), "shop"),
        (("customer",), None),
    ]
    assert [lookup(one, path) for path, _ in paths] == [value for _, value in paths]
    assert compile_condition(Condition(("properties", "cart", "total"), "gte", 12))(one)


def test_a_rule_without_conditions_needs_no_function():
    """Conditions of a rule must all hold; a rule without any compiles to None."""
    both = (Condition(("properties", "n"), "gt", 1), Condition(("context", "x"), "exists", True))
    where = compile_where(Rule(where=both))
    assert where is not None
    assert where(touch("a", properties={"n": 2}, context={"x": 1}))
    assert not where(touch("a", properties={"n": 2}))
    assert compile_where(Rule(type="a")) is None


def test_a_long_text_matches_nothing():
    """A text longer than the bound does not match, so that one event cannot hold a worker up."""
    test = OPERATORS["matches"]("a")
    assert test("a" * 512)
    assert not test("a" * 513)
