"""Rules in words, as explanations and differences of versions show them."""

from typing import Final

from tracker import paths
from tracker.journey.definition import Condition, Rule

SIGNS: Final = {
    "eq": "=",
    "ne": "≠",
    "in": "one of",
    "not_in": "none of",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "contains": "contains",
    "matches": "matches",
}


def describe(rule: Rule) -> str:
    """A rule in words: `web Product Added where properties.price ≥ 10`."""
    what = " ".join(part for part in (rule.channel, rule.type) if part) or "any touchpoint"
    where = " and ".join(_condition(condition) for condition in rule.where)
    return f"{what} where {where}" if where else what


def _condition(condition: Condition) -> str:
    path = paths.show(condition.path)
    if condition.operator == "exists":
        return f"{path} is {'there' if condition.value else 'missing'}"
    value = condition.value
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{path} {SIGNS[condition.operator]} {shown}"
