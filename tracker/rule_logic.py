"""What can be said of rules before any touchpoint comes: that one never matches, or that one holds another.

It knows conditions alone. Where it cannot tell, it says nothing: a value may be missing, a text or a list.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from tracker.definition import Condition, Rule

Path = tuple[str, ...]
CHANNEL: Final = ("channel",)
NEEDS_A_VALUE: Final = ("eq", "in", "gt", "gte", "lt", "lte", "contains", "matches")


def never(rule: Rule) -> str | None:
    """Why no touchpoint can meet the rule, in words; None where one could."""
    for path, conditions in _by_path(rule).items():
        if reason := _clash(conditions):
            return f"{'.'.join(path)} {reason}"
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
        fits = [each for each in choices if all(_may_hold(each, condition) for condition in conditions)]
        return None if fits else f"cannot meet {_sentence(conditions)}"
    low, high = _bounds(conditions)
    if low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1])):
        return f"cannot meet {_sentence(conditions)}"
    return None


def _needs_a_value(condition: Condition) -> bool:
    return condition.operator in NEEDS_A_VALUE or (condition.operator == "exists" and bool(condition.value))


def _choices(conditions: Iterable[Condition]) -> list[Any] | None:
    """The values that the first `eq` or `in` leaves; None where there is neither."""
    for each in conditions:
        if each.operator == "eq":
            return [each.value]
        if each.operator == "in":
            return list(each.value)
    return None


def _bounds(conditions: Iterable[Condition]) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """The lowest and highest number left, each with whether it is itself left out."""
    low, high = (float("-inf"), False), (float("inf"), False)
    for each in conditions:
        if each.operator in ("gt", "gte"):
            low = max(low, (each.value, each.operator == "gt"))
        elif each.operator in ("lt", "lte"):
            # Of two equal bounds the one that leaves its end out is the tighter, here as above.
            high = min(high, (each.value, each.operator == "lt"), key=lambda bound: (bound[0], not bound[1]))
    return low, high


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matches(value: Any, pattern: Any) -> bool:
    return not isinstance(value, str) or re.search(pattern, value[:1_000]) is not None


HOLDS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": _same,
    "ne": lambda value, other: not _same(value, other),
    "in": lambda value, others: any(_same(value, other) for other in others),
    "not_in": lambda value, others: not any(_same(value, other) for other in others),
    "gt": lambda value, bound: _number(value) and value > bound,
    "gte": lambda value, bound: _number(value) and value >= bound,
    "lt": lambda value, bound: _number(value) and value < bound,
    "lte": lambda value, bound: _number(value) and value <= bound,
    "exists": lambda _, wanted: bool(wanted),
    "contains": lambda value, part: not isinstance(value, str) or str(part) in value,
    "matches": _matches,
}


def _may_hold(value: Any, condition: Condition) -> bool:
    return HOLDS[condition.operator](value, condition.value)


def _assured(known: list[Condition], wanted: Condition) -> bool:
    if any(_equal(each, wanted) for each in known):
        return True
    if wanted.operator == "exists":
        return bool(wanted.value) and any(_needs_a_value(each) for each in known)
    choices = _choices(known)
    if choices is not None and wanted.operator not in ("contains", "matches"):
        return all(_may_hold(each, wanted) for each in choices)
    low, high = _bounds(known)
    if wanted.operator in ("gt", "gte"):
        return low[0] > wanted.value or (low[0] == wanted.value and (low[1] or wanted.operator == "gte"))
    if wanted.operator in ("lt", "lte"):
        return high[0] < wanted.value or (high[0] == wanted.value and (high[1] or wanted.operator == "lte"))
    return False


def _equal(one: Condition, other: Condition) -> bool:
    return one.operator == other.operator and type(one.value) is type(other.value) and bool(one.value == other.value)


def _sentence(conditions: list[Condition]) -> str:
    return " and ".join(f"{each.operator} {_words(each.value)}" for each in conditions)


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(str(each) for each in value[:5])}{', …' if len(value) > 5 else ''}]"
    return str(value)[:40]
