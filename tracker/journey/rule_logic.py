"""Logic of rules without touchpoints: whether a rule can ever match, and whether one rule includes another.

It knows only conditions. Where the answer is uncertain it raises no problem, since a value may be
missing, a text or a list.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from tracker import paths
from tracker.journey.conditions import DENIALS, OPERATORS, is_denial, number
from tracker.journey.definition import Condition, Rule

Path = tuple[str, ...]
CHANNEL: Final = ("channel",)
BOUNDS: Final = ("gt", "gte", "lt", "lte")
SINGLE: Final = ("eq", "in", "gt", "gte", "lt", "lte", "matches")
"""Only a text, a number or a truth value meets these, and no list or object."""
NEEDS_A_VALUE: Final = ("eq", "in", "gt", "gte", "lt", "lte", "contains", "matches")


def never(rule: Rule) -> str | None:
    """The reason why no touchpoint can meet the rule, in words; None where one could."""
    by_path = _by_path(rule)
    for path, conditions in by_path.items():
        reason = _clash_of_any(conditions) if paths.ANY in path else _clash(conditions)
        if reason := reason or _clash_with_parts(path, conditions, by_path):
            return f"{paths.show(path)} {reason}"
    return None


def disjoint(one: Rule, other: Rule) -> bool:
    """Whether no touchpoint can meet both rules."""
    if one.type is not None and other.type is not None and one.type != other.type:
        return True
    return never(Rule(None, None, (*_conditions(one), *_conditions(other)))) is not None


def within(one: Rule, other: Rule) -> bool:
    """Whether every touchpoint that meets `one` surely meets `other` too."""
    if other.type is not None and one.type != other.type:
        return False
    known = _by_path(one)
    return all(_assured(known.get(condition.path, []), condition) for condition in _conditions(other))


def _conditions(rule: Rule) -> tuple[Condition, ...]:
    return rule.where if rule.channel is None else (Condition(CHANNEL, "eq", rule.channel), *rule.where)


def _by_path(rule: Rule) -> dict[Path, list[Condition]]:
    paths: dict[Path, list[Condition]] = defaultdict(list)
    for condition in _conditions(rule):
        paths[condition.path].append(condition)
    return paths


def _clash(conditions: list[Condition]) -> str | None:
    missing = next((each for each in conditions if each.operator == "exists" and not each.value), None)
    if missing and any(_needs_a_value(each) for each in conditions):
        return "cannot be missing and have a value"
    choices = _choices(conditions)
    if choices is not None:
        tests = [_test(condition) for condition in conditions]
        fits = any(all(any(test(each) for each in _variants(choice)) for test in tests) for choice in choices)
        return None if fits else f"cannot meet {_sentence(conditions)}"
    if not _of_one_sort(conditions):
        return None
    low, high = _bounds(conditions)
    if low and high and (low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1]))):
        return f"cannot meet {_sentence(conditions)}"
    return None


def _clash_of_any(conditions: list[Condition]) -> str | None:
    """As `_clash`, for a path to several values: each condition may be met by another one of them."""
    missing = any(each.operator == "exists" and not each.value for each in conditions)
    if missing and any(_needs_a_value(each) for each in conditions):
        return "cannot be missing and have a value"
    denied = [OPERATORS[DENIALS[each.operator]](each.value) for each in conditions if each.operator in DENIALS]
    for each in conditions:
        choices = _choices([each])
        if choices and all(any(test(choice) for test in denied) for choice in choices):
            return f"cannot meet {_sentence(conditions)}"
    return None


def _clash_with_parts(path: Path, conditions: list[Condition], by_path: dict[Path, list[Condition]]) -> str | None:
    """The reason where a path must have a single value, and something below it must have a value too."""
    if paths.ANY in path or not any(each.operator in SINGLE for each in conditions):
        return None
    for other, others in by_path.items():
        if len(other) > len(path) and other[: len(path)] == path and any(_needs_a_value(each) for each in others):
            return f"cannot be a single value and have the part {paths.show(other[len(path) :])}"
    return None


def _needs_a_value(condition: Condition) -> bool:
    return condition.operator in NEEDS_A_VALUE or (condition.operator == "exists" and bool(condition.value))


def _choices(conditions: Iterable[Condition]) -> list[Any] | None:
    """The values that the first `eq` or `in` allows; None where there is neither."""
    for each in conditions:
        if each.operator == "eq":
            return [each.value]
        if each.operator == "in":
            return list(each.value)
    return None


Bound = tuple[Any, bool]
"""A number or text, and whether it is itself excluded."""


def _bounds(conditions: Iterable[Condition]) -> tuple[Bound | None, Bound | None]:
    """The tightest lower and upper bound; None where there is no limit."""
    lows = [(each.value, each.operator == "gt") for each in conditions if each.operator in ("gt", "gte")]
    highs = [(each.value, each.operator == "lt") for each in conditions if each.operator in ("lt", "lte")]
    # Of two equal bounds the one that excludes its end is tighter.
    low = max(lows, default=None)
    high = min(highs, key=lambda bound: (bound[0], not bound[1]), default=None)
    return low, high


def _of_one_sort(conditions: list[Condition]) -> bool:
    """Whether all bounds are numbers or all are texts; a mixture does not compare."""
    return len({isinstance(each.value, str) for each in conditions if each.operator in BOUNDS}) < 2


def _variants(value: Any) -> tuple[Any, ...]:
    """The values in a touchpoint that equal `value`: a number may also come as text."""
    return (value, str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else (value,)


def _test(condition: Condition) -> Callable[[Any], bool]:
    """The engine's test of a condition; long lists become sets, because very many pairs of rules are compared."""
    values = condition.value
    if condition.operator != "in" or any(isinstance(each, bool) for each in values):
        return OPERATORS[condition.operator](values)
    texts = frozenset(each for each in values if isinstance(each, str))
    numbers = frozenset(each for each in values if not isinstance(each, str))
    return lambda value: (isinstance(value, str) and value in texts) or (bool(numbers) and number(value) in numbers)


def _assured(known: list[Condition], wanted: Condition) -> bool:
    if any(_equal(each, wanted) for each in known):
        return True
    if wanted.operator == "exists":
        return bool(wanted.value) and any(_needs_a_value(each) for each in known)
    if paths.ANY in wanted.path and is_denial(wanted):
        # What one element is says nothing of the others.
        return False
    choices = _choices(known)
    if choices is not None:
        test = _test(wanted)
        return all(test(each) for choice in choices for each in _variants(choice))
    if wanted.operator not in BOUNDS or not _of_one_sort([*known, wanted]):
        return False
    low, high = _bounds(known)
    if wanted.operator in ("gt", "gte"):
        end = low is not None and low[0] == wanted.value and (low[1] or wanted.operator == "gte")
        return low is not None and (low[0] > wanted.value or end)
    end = high is not None and high[0] == wanted.value and (high[1] or wanted.operator == "lte")
    return high is not None and (high[0] < wanted.value or end)


def _equal(one: Condition, other: Condition) -> bool:
    return one.operator == other.operator and type(one.value) is type(other.value) and bool(one.value == other.value)


def _sentence(conditions: list[Condition]) -> str:
    return " and ".join(f"{each.operator} {_words(each.value)}" for each in conditions)


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(str(each) for each in value[:5])}{', …' if len(value) > 5 else ''}]"
    return str(value)[:40]
