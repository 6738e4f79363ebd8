"""Conditions compiled to straight functions: one touch in, yes or no out.

It knows what the operators mean for every kind of value, and nothing of stages, customers or time.
"""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from tracker.journey.definition import Condition, Rule
from tracker.patterns import searcher
from tracker.touch import Touch

Test = Callable[[Any], bool]
Predicate = Callable[[Touch], bool]

# A text longer than this is not read as a number.
MAX_NUMBER_LENGTH: Final = 32
# Matching takes time in proportion to the text, whatever the pattern: a bound here bounds each touchpoint.
MAX_MATCHED_LENGTH: Final = 512

_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*\Z", re.ASCII)


def lookup(touch: Touch, path: tuple[str, ...]) -> Any:
    """The value at `path` of a touch; None where it is missing, so that null and missing are the same."""
    head = path[0]
    if head == "properties":
        value: Any = touch.properties
    elif head == "context":
        value = touch.context
    else:
        return getattr(touch, head, None) if head in ("channel", "type") and len(path) == 1 else None
    for name in path[1:]:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def getter(path: tuple[str, ...]) -> Callable[[Touch], Any]:
    """`lookup` for one path as a function; faster for the usual paths of two parts."""
    if len(path) == 2 and path[0] in ("properties", "context"):
        name = path[1]
        if path[0] == "properties":
            return lambda touch: touch.properties.get(name)
        return lambda touch: touch.context.get(name)
    return lambda touch: lookup(touch, path)


def number(value: Any) -> float | int | None:
    """A value as a number, also where it was sent as text; None for other values and for booleans."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, str) and len(value) <= MAX_NUMBER_LENGTH and _NUMBER.match(value):
        read = float(value)
        return read if isfinite(read) else None
    return None


def _equals(wanted: Any) -> Test:
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, (int, float)):
        return lambda value: value is not None and number(value) == wanted
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and value == wanted
    if wanted is None:
        return lambda value: value is None
    return lambda value: type(value) is type(wanted) and bool(value == wanted)


def _one_of(wanted: Any) -> Test:
    tests = tuple(_equals(one) for one in (wanted if isinstance(wanted, (list, tuple)) else (wanted,)))
    return lambda value: any(test(value) for test in tests)


def _not(test: Test) -> Test:
    return lambda value: not test(value)


def _compare(number_test: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def compiled(wanted: Any) -> Test:
        if isinstance(wanted, str):
            # Text compares with text by characters, which is right for ISO dates and for versions of one width.
            return lambda value: isinstance(value, str) and number_test(value, wanted)
        limit = number(wanted)
        if limit is None:
            return lambda _: False

        def test(value: Any) -> bool:
            found = number(value)
            return found is not None and number_test(found, limit)

        return test

    return compiled


def _exists(wanted: Any) -> Test:
    if wanted is False:
        return lambda value: value is None
    return lambda value: value is not None


def _contains(wanted: Any) -> Test:
    equals = _equals(wanted)

    def test(value: Any) -> bool:
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, (list, tuple)) and any(equals(one) for one in value)

    return test


def _matches(wanted: Any) -> Test:
    search = searcher(wanted)
    return lambda value: isinstance(value, str) and len(value) <= MAX_MATCHED_LENGTH and search(value)


# By operator of a definition: the function that compiles it. The compiled tests never raise, whatever the value.
OPERATORS: Final[dict[str, Callable[[Any], Test]]] = {
    "eq": _equals,
    "ne": lambda wanted: _not(_equals(wanted)),
    "in": _one_of,
    "not_in": lambda wanted: _not(_one_of(wanted)),
    "gt": _compare(lambda found, limit: found > limit),
    "gte": _compare(lambda found, limit: found >= limit),
    "lt": _compare(lambda found, limit: found < limit),
    "lte": _compare(lambda found, limit: found <= limit),
    "exists": _exists,
    "contains": _contains,
    "matches": _matches,
}


def compile_condition(condition: Condition) -> Predicate:
    """The function that says whether a touch meets one condition."""
    get = getter(condition.path)
    test = OPERATORS[condition.operator](condition.value)
    return lambda touch: test(get(touch))


def compile_where(rule: Rule) -> Predicate | None:
    """The function for all conditions of a rule (channel and type apart); None where it has none."""
    tests = tuple(compile_condition(condition) for condition in rule.where)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda touch: all(test(touch) for test in tests)
