"""Versions of a journey: what two definitions of it have in common, and what a change asks of the stored states.

A definition has a meaning (what is counted) and a wording (titles, texts of the map, examples, thresholds of alerts).
Stored states depend on the meaning alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple, TypeVar

from tracker import paths
from tracker.duration import show
from tracker.journey.definition import Accounts, Definition, Exclusion, Funnel, Rule, Segment, Stage, Survey
from tracker.journey.words import describe

Need = Literal["fold", "history"]
"""`fold`: the stored matches are folded again. `history`: the past is right only when built again from Kafka, because
states hold what touchpoints matched, and not the touchpoints."""
Verdict = Literal["new", "same", "wording", "taken", "refused", "older"]
T = TypeVar("T")

DIGEST_LENGTH: Final = 16
WORDING: Final = ("title", "description", "persona", "lanes", "mood", "target_mood", "alerts", "examples")


class DefinitionDifference(NamedTuple):
    """One difference between two definitions of a journey."""

    path: str
    """Where it is, in the keys of the file, such as `stages.cart.drops_after`."""
    before: str | None
    """The earlier value in words; empty where the path says all; None where there was none."""
    after: str | None
    need: Need

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            value = self.after or self.before
            what = f"{self.path}: {value}" if value else self.path
            return f"{what} is {'new' if self.before is None else 'gone'}"
        return f"{self.path}: {self.before} → {self.after}"


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
    identified = [definition.journey, definition.version, meaning(definition)]
    return sha256(_json(identified).encode()).hexdigest()[:DIGEST_LENGTH]


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


def meaning(definition: Definition) -> dict[str, Any]:
    """What is counted, as plain values: two definitions differ in it exactly when they have differences."""
    plain = asdict(definition)
    return {
        "stages": [_without(stage, WORDING) for stage in plain["stages"]],
        "order": definition.order,
        "funnel": plain["funnel"],
        "exits": plain["exits"],
        # Included only where the file has it, so that other definitions keep the digest they had.
        **({"not_activity": plain["not_activity"]} if definition.not_activity else {}),
        "segments": plain["segments"],
        "key": plain["key"],
        "buckets": plain["buckets"],
        # The order of surveys means nothing.
        "feedback": sorted(plain["feedback"], key=_json),
        "accounts": plain["accounts"],
    }


def differences(before: Definition, after: Definition) -> tuple[DefinitionDifference, ...]:
    """What two definitions count differently, in the order of the keys; empty where they mean the same."""
    return tuple(_differences(before, after))


def _differences(before: Definition, after: Definition) -> Iterator[DefinitionDifference]:
    # Touchpoints that meet no rule are not in the states of a definition that has no use for them.
    gains: Need = "history" if after.takes_all and not before.takes_all else "fold"
    stages, is_stages = ({stage.name: stage for stage in one.stages} for one in (before, after))
    for name, was, now in _pairs(stages, is_stages):
        yield from _stage(f"stages.{name}", was, now, gains)
    yield from _order("stages", stages, is_stages)
    yield from _value("order", before.order, after.order)
    yield from _funnel(before.funnel, after.funnel, gains)
    yield from _rules("exits", before.exits, after.exits)
    yield from _rules("not_activity", before.not_activity, after.not_activity)
    segments, is_segments = ({segment.name: segment for segment in one.segments} for one in (before, after))
    for name, of, to in _pairs(segments, is_segments):
        yield from _segment(f"segments.{name}", of, to)
    yield from _order("segments", segments, is_segments)
    yield from _value("key", _dotted(before.key), _dotted(after.key), "history")
    for key in ("stay", "convert"):
        olds, news = ([show(bound) for bound in getattr(one.buckets, f"{key}_ms")] for one in (before, after))
        yield from _value(f"buckets.{key}", f"[{', '.join(olds)}]", f"[{', '.join(news)}]")
    yield from _feedback(before.feedback, after.feedback)
    yield from _accounts(before.accounts, after.accounts)


def _stage(path: str, before: Stage | None, after: Stage | None, gains: Need) -> Iterator[DefinitionDifference]:
    if before is None or after is None:
        # A new stage has met no touchpoint yet.
        yield _whole(path, before, "fold" if after is None else "history")
        return
    yield from _rules(f"{path}.touchpoints", before.touchpoints, after.touchpoints)
    need = gains if before.drops_after_ms is None else "fold"
    yield from _value(f"{path}.drops_after", _lasting(before.drops_after_ms), _lasting(after.drops_after_ms), need)
    yield from _value(f"{path}.optional", before.optional, after.optional)
    yield from _value(f"{path}.goal", before.goal, after.goal)


def _funnel(before: Funnel, after: Funnel, gains: Need) -> Iterator[DefinitionDifference]:
    yield from _value("funnel.mode", before.mode, after.mode, gains if after.mode == "strict" else "fold")
    yield from _value("funnel.window", _lasting(before.window_ms), _lasting(after.window_ms))
    for name, was, now in _pairs(before.step_windows_ms, after.step_windows_ms):
        yield from _value(f"funnel.window.{name}", _lasting(was), _lasting(now))
    known = {_json(asdict(one.rule)) for one in before.exclude}
    yield from _listed(
        "funnel.exclude",
        [(_json(asdict(one)), _excluded(one)) for one in before.exclude],
        [(_json(asdict(one)), _excluded(one)) for one in after.exclude],
        # A known rule between other stages: its matches are stored.
        "fold" if all(_json(asdict(one.rule)) in known for one in after.exclude) else "history",
        gone="fold",
    )


def _segment(path: str, before: Segment | None, after: Segment | None) -> Iterator[DefinitionDifference]:
    if before is None or after is None:
        yield _whole(path, before, "fold" if after is None else "history")
        return
    yield from _value(f"{path}.from", _dotted(before.path), _dotted(after.path), "history")
    # A value that was not declared is stored as `other`.
    olds, news = ([(value, value) for value in one.values] for one in (before, after))
    yield from _listed(f"{path}.values", olds, news, "history", gone="fold")
    yield from _value(f"{path}.attribution", before.attribution, after.attribution)


def _feedback(before: Sequence[Survey], after: Sequence[Survey]) -> Iterator[DefinitionDifference]:
    for kind in dict.fromkeys(survey.kind for survey in (*before, *after)):
        olds, news = ([one for one in surveys if one.kind == kind] for surveys in (before, after))
        if not olds or not news:
            yield _whole(f"feedback.{kind}", olds or None, "history" if news else "fold")
            continue
        was, now = ([(_json(asdict(one)), _asked(one)) for one in surveys] for surveys in (olds, news))
        yield from _changed(f"feedback.{kind}", was, now, "history", gone="history")


def _accounts(before: Accounts | None, after: Accounts | None) -> Iterator[DefinitionDifference]:
    if before is None or after is None:
        if before is not after:
            yield _whole("accounts", before, "fold" if after is None else "history")
        return
    yield from _value("accounts.rule", before.rule, after.rule)
    yield from _value("accounts.people", before.people, after.people)
    # Only roles that were asked for are stored, and only people who fit are reported to their accounts.
    yield from _value("accounts.role", before.role, after.role, "history")
    yield from _value("accounts.from", _dotted(before.path), _dotted(after.path), "history")
    yield from _value("accounts.journey", before.journey, after.journey, "history")


def _rules(path: str, before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[DefinitionDifference]:
    olds, news = ([(_json(asdict(rule)), describe(rule)) for rule in rules] for rules in (before, after))
    # Which of several rules a touchpoint met is not stored, so a rule that is gone asks for history too.
    yield from _listed(path, olds, news, "history", gone="history")


def _listed(
    path: str, before: list[tuple[str, str]], after: list[tuple[str, str]], new: Need, *, gone: Need
) -> Iterator[DefinitionDifference]:
    """The differences of two lists of pairs: what identifies an item, and its words."""
    found = list(_changed(path, before, after, new, gone=gone))
    yield from found
    if not found and before != after:
        olds, news = (f"[{', '.join(words for _, words in pairs)}]" for pairs in (before, after))
        yield DefinitionDifference(f"order of {path}", olds, news, "fold")


def _changed(
    path: str, before: list[tuple[str, str]], after: list[tuple[str, str]], new: Need, *, gone: Need
) -> Iterator[DefinitionDifference]:
    """As `_listed`, where the order means nothing."""
    olds, news = dict(before), dict(after)
    for key, was, now in _pairs(olds, news):
        if was is None or now is None:
            yield DefinitionDifference(path, olds.get(key), news.get(key), new if was is None else gone)


def _order(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[DefinitionDifference]:
    """Whether those that stayed are in another order, by their names."""
    olds, news = ([name for name in one if name in other] for one, other in ((before, after), (after, before)))
    if olds != news:
        yield DefinitionDifference(f"order of {what}", f"[{', '.join(before)}]", f"[{', '.join(after)}]", "fold")


def _value(path: str, before: Any, after: Any, need: Need = "fold") -> Iterator[DefinitionDifference]:
    if before != after:
        yield DefinitionDifference(path, _words(before), _words(after), need)


def _whole(path: str, before: Any, need: Need) -> DefinitionDifference:
    return DefinitionDifference(path, None, "", need) if before is None else DefinitionDifference(path, "", None, need)


def _pairs(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    for key in dict.fromkeys([*before, *after]):
        yield key, before.get(key), after.get(key)


def _words(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _lasting(time_ms: int | None) -> str | None:
    return None if time_ms is None else show(time_ms)


def _dotted(path: paths.Path | None) -> str | None:
    return None if path is None else paths.show(path)


def _excluded(exclusion: Exclusion) -> str:
    between = f" between {' and '.join(exclusion.between)}" if exclusion.between else ""
    return describe(exclusion.rule) + between


def _asked(survey: Survey) -> str:
    return f"{describe(survey.rule)}, score {_dotted(survey.score)}"


def _without(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
