from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.journey.conditions import OPERATORS
from tracker.journey.definition import Condition, Rule
from tracker.journey.rule_logic import disjoint, never, within


def where(**conditions: Any) -> Rule:
    """A rule on one property: `where(gt=5, lt=3)`."""
    return Rule(where=tuple(Condition(("properties", "x"), name, value) for name, value in conditions.items()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule",
    [
        where(gt=5, lt=3),
        where(gt=5, lte=5),
        where(eq="a", ne="a"),
        where(eq=1, gt=4),
        where(gt="2026-02-01", lt="2026-01-01"),
        where(eq="a", gte=1),
        where(eq=True, gte=1),
        where(**{"in": ("a", "b"), "not_in": ("b", "a")}),
        where(exists=False, eq="a"),
        where(eq="abc", contains="x"),
        where(eq="abc", matches="^b"),
        Rule("web", None, (Condition(("channel",), "eq", "shop"),)),
        Rule(None, None, (Condition(("properties", "x"), "eq", 1), Condition(("properties", "x"), "eq", 2))),
    ],
)
def test_a_contradiction_is_found(rule: Rule) -> None:
    """Conditions that exclude each other are named as such."""
    assert never(rule)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        where(gte=5, lte=5),
        where(exists=False, ne="a"),
        where(eq=1, lt=1.5),
        where(**{"in": ("a", "b"), "ne": "b"}),
        where(gt=1, contains="a"),
        where(gt=1, lt="2026-01-01"),
        where(gte="2026-01-01", lt="2026-02-01"),
        Rule("web", "page", (Condition(("channel",), "ne", "shop"),)),
    ],
)
def test_what_could_match_is_left_alone(rule: Rule) -> None:
    """Nothing is said where some touchpoint could meet the rule."""
    assert never(rule) is None


def anyone(**conditions: Any) -> Rule:
    """A rule on any element of a list."""
    path = ("properties", "list", "", "x")
    return Rule(where=tuple(Condition(path, name, value) for name, value in conditions.items()))  # type: ignore[arg-type]


def test_elements_of_a_list_may_each_meet_a_condition() -> None:
    """Two conditions on any element contradict each other only where one denies the other."""
    both = Rule(where=(*anyone(eq=1).where, *anyone(eq=2).where))
    assert never(both) is None
    assert never(anyone(gt=5, lt=3)) is None
    assert never(anyone(eq=1, ne=1))
    assert never(anyone(**{"in": (1, 2), "not_in": (2, 1)}))
    assert never(anyone(exists=False, gt=1))
    assert within(anyone(eq=3), anyone(gt=1))
    assert not within(anyone(eq=3), anyone(ne=4))
    assert within(where(eq=3), where(ne=4))
    assert not disjoint(anyone(eq=1), anyone(eq=2))


def test_a_single_value_has_no_parts() -> None:
    """What must be one text or number cannot have a part with a value too."""
    part = Condition(("properties", "x", "y"), "eq", 1)
    assert never(Rule(where=(*where(eq=1).where, part)))
    assert never(Rule(where=(*where(exists=True).where, part))) is None
    assert never(Rule(where=(*where(eq=1).where, Condition(("properties", "x", "y"), "exists", False)))) is None


def test_rules_of_other_types_channels_or_numbers_share_nothing() -> None:
    """Rules are disjoint by type, channel or condition; else they are not."""
    assert disjoint(Rule(type="a"), Rule(type="b"))
    assert disjoint(Rule("web"), Rule("shop", "a"))
    assert disjoint(where(gt=5), where(lte=5))
    assert not disjoint(Rule("web"), Rule(type="a"))
    assert not disjoint(where(gt=5), where(lt=9))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Rule("web", "a"), Rule(type="a")),
        (where(eq=12), where(gte=10)),
        (where(gt=10), where(gte=10)),
        (where(**{"in": ("a",)}), where(**{"in": ("b", "a")})),
        (where(gt=1), where(exists=True)),
        (where(contains="a"), where(contains="a")),
        (Rule(), Rule()),
    ],
)
def test_a_special_rule_lies_within_the_general_one(one: Rule, other: Rule) -> None:
    """Whatever meets the special rule meets the general one."""
    assert within(one, other)


def test_nothing_is_said_to_lie_within_what_it_may_leave() -> None:
    """A wider, a crossing and an unlike rule do not lie within."""
    assert not within(Rule(type="a"), Rule("web", "a"))
    assert not within(where(gte=9), where(gte=10))
    assert not within(where(eq=True), where(eq=1))
    assert not within(where(exists=True), where(gt=1))


def test_many_long_lists_are_compared_in_a_moment() -> None:
    """Lists are looked up in, not gone through: thousands of pairs of long lists take a second or two."""
    rules = [where(**{"in": tuple(range(place, place + 200))}) for place in range(0, 12_000, 200)]
    assert all(disjoint(one, other) for one, other in combinations(rules, 2))


conditions = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), st.integers(0, 4)),
        st.tuples(st.sampled_from(["in", "not_in"]), st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)),
        st.tuples(st.just("exists"), st.booleans()),
    ),
    max_size=3,
).map(lambda pairs: Rule(where=tuple(Condition(("properties", "x"), name, value) for name, value in pairs)))  # type: ignore[arg-type]


def holds(rule: Rule, value: object) -> bool:
    return all(OPERATORS[each.operator](each.value)(value) for each in rule.where)


values = st.none() | st.booleans() | st.integers(-1, 5) | st.integers(-1, 5).map(str)


@given(conditions, conditions, values)
def test_what_is_said_of_rules_is_true_of_every_value(one: Rule, other: Rule, value: object) -> None:
    """No value meets a rule that never matches, two that are disjoint, or one without the rule it lies within."""
    assert not (never(one) and holds(one, value))
    assert not (disjoint(one, other) and holds(one, value) and holds(other, value))
    assert not (within(one, other) and holds(one, value) and not holds(other, value))
