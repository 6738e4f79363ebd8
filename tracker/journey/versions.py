"""Versions of a journey: what two definitions of it have in common, and what a change asks of the stored states.

A definition has a meaning (what is counted) and a wording (titles, texts of the map, examples, thresholds of alerts).
Stored states depend on the meaning alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from tracker.duration import show
from tracker.journey.definition import Definition

Need = Literal["fold", "history"]
"""`fold`: the stored matches are folded again. `history`: the past is right only when built again from Kafka, because
states hold what touchpoints matched, and not the touchpoints."""
Verdict = Literal["new", "same", "wording", "taken", "refused", "older"]

DIGEST_LENGTH: Final = 16
WORDING: Final = ("title", "description", "persona", "lanes", "mood", "target_mood", "alerts", "examples")
_MISSING: Final = object()


class DefinitionDifference(NamedTuple):
    """One difference between two definitions of a journey."""

    path: str
    """Where it is, such as `stages.cart.drops_after`."""
    before: str
    """The earlier value in words; empty where there was none."""
    after: str
    need: Need

    def __str__(self) -> str:
        if not self.before:
            return f"{self.path}: {self.after} is new"
        return f"{self.path}: {self.before} is gone" if not self.after else f"{self.path}: {self.before} → {self.after}"


class Decision(NamedTuple):
    """What becomes of a file that is applied to the definitions in the store."""

    verdict: Verdict
    differences: tuple[DefinitionDifference, ...] = ()

    @property
    def need(self) -> Need | None:
        """What the change asks of stored states; None: nothing."""
        needs = {each.need for each in self.differences}
        return "history" if "history" in needs else "fold" if needs else None


def digest(definition: Definition) -> str:
    """Journey, version and meaning of a definition in 16 hexadecimal digits."""
    identified = [definition.journey, definition.version, _meaning(definition)]
    text = json.dumps(identified, sort_keys=True, ensure_ascii=False, default=str)
    return sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def decide(current: Definition | None, given: Definition) -> Decision:
    """What becomes of `given`, where `current` is the store's definition of this journey, if it has one.

    `new`: the journey is new. `same`: nothing changes. `wording`: only texts change. `taken`: a higher version.
    `refused`: the same version with another meaning. `older`: a lower version; the store's is used.
    """
    if current is None:
        return Decision("new")
    if given.version < current.version:
        return Decision("older", differences(given, current))
    changes = differences(current, given)
    if given.version > current.version:
        return Decision("taken", changes)
    if changes:
        return Decision("refused", changes)
    return Decision("same" if given == current else "wording")


def differences(before: Definition, after: Definition) -> tuple[DefinitionDifference, ...]:
    """What two definitions count differently, in the order of the keys; empty where they mean the same."""
    return tuple(_compared("", _meaning(before), _meaning(after)))


def _meaning(definition: Definition) -> dict[str, Any]:
    """What is counted, as plain values; what has a name is found by it."""
    plain = asdict(definition)
    return {
        "stages": {stage["name"]: _without(stage, ("name", *WORDING)) for stage in plain["stages"]},
        "order of stages": [stage.name for stage in definition.stages],
        "order": definition.order,
        "funnel": plain["funnel"],
        "exits": plain["exits"],
        "segments": {segment["name"]: _without(segment, ("name",)) for segment in plain["segments"]},
        "key": ".".join(definition.key) if definition.key else None,
        "buckets": plain["buckets"],
        "feedback": {survey["kind"]: _without(survey, ("kind",)) for survey in plain["feedback"]},
        "accounts": plain["accounts"],
    }


def _without(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


def _compared(path: str, before: Any, after: Any) -> Iterator[DefinitionDifference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(each for each in after if each not in before)]:
            yield from _compared(f"{path}.{key}" if path else key, before.get(key, _MISSING), after.get(key, _MISSING))
    elif _plain(before) != _plain(after):
        yield DefinitionDifference(path, _words(path, before), _words(path, after), _need(path, before, after))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _need(path: str, before: Any, after: Any) -> Need:
    """What a difference asks for: history, where touchpoints matter that stored states say nothing of."""
    first, _, rest = path.partition(".")
    last = path.rpartition(".")[2]
    is_gone = after is _MISSING or after is None
    if first == "stages":
        return "history" if last == "touchpoints" or (not rest.count(".") and before is _MISSING) else "fold"
    if first == "segments":
        only_fewer = last == "values" and set(after) <= set(before)
        return "fold" if last == "attribution" or is_gone or only_fewer else "history"
    if path == "funnel.exclude":
        rules = [each["rule"] for each in before]
        return "fold" if all(each["rule"] in rules for each in after) else "history"
    if first in ("exits", "key"):
        return "history"
    if first in ("feedback", "accounts"):
        return "fold" if is_gone or (first == "accounts" and last in ("rule", "people")) else "history"
    return "fold"


def _words(path: str, value: Any) -> str:
    """A value as a person would write it, in one line."""
    if value is _MISSING:
        return ""
    if value is None or value in ([], ()):
        return "none"
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return "[" + ", ".join(value) + "]"
    if path.endswith("_ms") and isinstance(value, int):
        return show(value)
    if isinstance(value, (str, bool, int, float)):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
