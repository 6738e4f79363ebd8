"""What rules mean, for the reference: conditions on one touchpoint, written anew and apart from the engine's."""

import re
from typing import Any

from tracker.journey.definition import Condition, Rule
from tracker.touch import Touch


def meets(rule: Rule, touch: Touch) -> bool:
    """Whether all that the rule gives holds."""
    if rule.channel is not None and rule.channel != touch.channel:
        return False
    if rule.type is not None and rule.type != touch.type:
        return False
    return all(meets_one(condition, touch) for condition in rule.where)


def meets_one(condition: Condition, touch: Touch) -> bool:
    """Of several values one must meet the condition; what denies something must hold for every value."""
    found = values_at(touch, condition.path)
    denies = condition.operator in ("ne", "not_in") or (condition.operator == "exists" and not condition.value)
    if "" not in condition.path:
        return holds(condition, found[0] if found else None)
    return (all if denies else any)(holds(condition, value) for value in found)


def look(touch: Touch, path: tuple[str, ...]) -> Any:
    """The value at a path, None where there is none; of several the first."""
    return next(iter(values_at(touch, path)), None)


def values_at(touch: Touch, path: tuple[str, ...]) -> list[Any]:
    """All values at a path that are there; "" stands for any element."""

    def below(value: Any, parts: tuple[str, ...]) -> list[Any]:
        if not parts:
            return [] if value is None else [value]
        first, *rest = parts
        if isinstance(value, list):
            items = dict(zip(map(str, range(len(value))), value, strict=True))
        else:
            items = value if isinstance(value, dict) else {}
        chosen = items.values() if first == "" else [items[first]] if first in items else []
        return [found for each in chosen for found in below(each, tuple(rest))]

    roots = {"properties": touch.properties, "context": touch.context, "channel": touch.channel, "type": touch.type}
    return below(roots.get(path[0]), path[1:])


def holds(condition: Condition, value: Any) -> bool:
    """One comparison. A missing value is like null; a number is never a truth value."""
    wanted = condition.value
    match condition.operator:
        case "exists":
            return (value is not None) == bool(wanted)
        case "eq":
            return same(value, wanted)
        case "ne":
            return not same(value, wanted)
        case "in":
            return any(same(value, one) for one in wanted)
        case "not_in":
            return not any(same(value, one) for one in wanted)
        case "contains":
            if isinstance(value, str):
                return isinstance(wanted, str) and wanted in value
            return isinstance(value, list) and any(same(one, wanted) for one in value)
        case "matches":
            return isinstance(value, str) and re.search(wanted, value, re.ASCII) is not None
    if not comparable(value, wanted):
        return False
    return {"gt": value > wanted, "gte": value >= wanted, "lt": value < wanted, "lte": value <= wanted}[
        condition.operator
    ]


def same(one: Any, other: Any) -> bool:
    """Equal, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def comparable(one: Any, other: Any) -> bool:
    """Two numbers, or two texts."""
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    return (isinstance(one, int | float) and isinstance(other, int | float)) or (
        isinstance(one, str) and isinstance(other, str)
    )


def as_text(value: Any) -> str | None:
    """A value as text; none for null, an empty text, lists and objects."""
    if value is None or value == "" or isinstance(value, list | dict):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
