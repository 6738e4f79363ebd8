"""Conditions compiled to straight functions: one touch in, yes or no out.

It knows what the operators mean for every kind of value, and nothing of stages, customers or time.
"""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from tracker.journey.definition import Condition, Rule
from tracker.paths import ANY, ROOTS, index_of
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
    """The value at `path` of a touch; None where it is missing, so that null and missing are the same.

    A number is a place in a list, or a key. Where the path asks for any element, it is the first that has a value.
    """
    if ANY in path:
        return next(iter(found(touch, path)), None)
    value = _root(touch, path)
    for name in path[1:]:
        value = _part(value, name, index_of(name))
    return value


def found(touch: Touch, path: tuple[str, ...]) -> list[Any]:
    """All values at `path` of a touch, in their order, without missing ones and nulls.

    ANY stands for each element of a list, and for each value of an object.
    """
    values = [_root(touch, path)]
    for name in path[1:]:
        if name != ANY:
            index = index_of(name)
            values = [_part(value, name, index) for value in values]
            continue
        held, values = values, []
        for value in held:
            if isinstance(value, list):
                values.extend(value)
            elif isinstance(value, dict):
                values.extend(value.values())
    return [value for value in values if value is not None]


def _root(touch: Touch, path: tuple[str, ...]) -> Any:
    head = path[0]
    if head == "properties":
        return touch.properties
    if head == "context":
        return touch.context
    return getattr(touch, head, None) if head in ("channel", "type") and len(path) == 1 else None


def _part(value: Any, name: str, index: int) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if index >= 0 and isinstance(value, list) and index < len(value):
        return value[index]
    return None


def getter(path: tuple[str, ...]) -> Callable[[Touch], Any]:
    """`lookup` for one path as a function; faster for the usual paths."""
    if path[0] not in ROOTS or len(path) < 2 or ANY in path:
        return lambda touch: lookup(touch, path)
    name, is_property = path[1], path[0] == "properties"
    if len(path) == 2:
        if is_property:
            return lambda touch: touch.properties.get(name)
        return lambda touch: touch.context.get(name)
    parts = [(part, index_of(part)) for part in path[2:]]

    def get(touch: Touch) -> Any:
        value = (touch.properties if is_property else touch.context).get(name)
        for part, index in parts:
            if value is None:
                return None
            value = _part(value, part, index)
        return value

    return get


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


# By operator that denies: what it denies. Of several values, none may meet that.
DENIALS: Final[dict[str, str]] = {"ne": "eq", "not_in": "in"}


def is_denial(condition: Condition) -> bool:
    """Whether a condition denies something: with ANY in its path it holds where no element meets that."""
    return condition.operator in DENIALS or (condition.operator == "exists" and condition.value is False)


def compile_condition(condition: Condition) -> Predicate:
    """The function that says whether a touch meets one condition."""
    if ANY in condition.path:
        return _compile_any(condition)
    if (
        condition.operator == "eq"
        and isinstance(condition.value, str)
        and len(condition.path) == 2
        and condition.path[0] in ROOTS
    ):
        return _compile_text(condition.path, condition.value)
    get = getter(condition.path)
    test = OPERATORS[condition.operator](condition.value)
    return lambda touch: test(get(touch))


def _compile_text(path: tuple[str, ...], wanted: str) -> Predicate:
    """The usual condition, that a value is a text, in one call where the general way takes three."""
    name = path[1]
    if path[0] == "properties":
        return lambda touch: touch.properties.get(name) == wanted
    return lambda touch: touch.context.get(name) == wanted


def _compile_any(condition: Condition) -> Predicate:
    """As `compile_condition`, for several values: one must meet it, or, where it denies something, none may."""
    path, wanted = condition.path, condition.value
    denies = is_denial(condition)
    if condition.operator == "exists":
        return lambda touch: bool(found(touch, path)) is not denies
    test = OPERATORS[DENIALS.get(condition.operator, condition.operator)](wanted)

    def holds(touch: Touch) -> bool:
        for value in found(touch, path):
            if test(value):
                return not denies
        return denies

    return holds


def compile_where(rule: Rule) -> Predicate | None:
    """The function for all conditions of a rule (channel and type apart); None where it has none."""
    tests = tuple(compile_condition(condition) for condition in rule.where)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda touch: all(test(touch) for test in tests)


def compile_rule(rule: Rule) -> Predicate:
    """The function that says whether a touch meets a rule."""
    channel, kind, where = rule.channel, rule.type, compile_where(rule)
    if channel is None and kind is None and where is not None:
        return where
    return lambda touch: (
        (kind is None or touch.type == kind)
        and (channel is None or touch.channel == channel)
        and (where is None or where(touch))
    )
