"""An account: what each touchpoint of a customer did, by the same code that folds, one line a touchpoint.

For `tracker explain`: from a stored record, where the log is what is left of the touchpoints, or from touchpoints
themselves, with their full text. It changes nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from tracker.customer import Runner
from tracker.definition import Rule
from tracker.fold import begin
from tracker.log import NO_RULE, Entry, readable_id
from tracker.matcher import rule_names
from tracker.state import Instance, Progress, decode_progress
from tracker.touch import Touch

Verdict = Literal["counted", "no stage", "exit", "excluded", "bears on nothing", "duplicate", "no key"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What one touchpoint met, and what it changed. Moments are milliseconds since 1970."""

    at_ms: int
    event_id: str
    type: str | None
    """None where only the log is left."""
    channel: str | None
    key: str | None
    verdict: Verdict
    matched: tuple[str, ...]
    """Every stage whose rules it meets."""
    rule: int | None
    """Which rule of that stage (or of the exits or exclusions) was met first, counted from 0."""
    stage: str | None
    """The stage that it counted for."""
    before: str | None
    after: str | None
    """The current stage before and after it."""
    depth_before: int
    depth_after: int
    dropped_ms: int | None
    """The drop-off that it ended, where it ended one."""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What would move the customer on."""

    stage: str
    """A stage not reached yet, or one that can be returned to."""
    rules: tuple[Rule, ...]
    """Any touchpoint that meets one of these leads there."""
    is_next_step: bool
    """It is the next step of the funnel (or an optional one beside it)."""


def accounts(
    runner: Runner, entries: Iterable[Entry], key: str | None = None, base: Progress | None = None
) -> list[Account]:
    """An account of sorted entries, folded on top of `base` (which is changed)."""
    told: list[Account] = []
    progress = base
    for entry in entries:
        if progress is None:
            progress = begin(runner.definition, entry.at_ms)
        told.append(_account(runner, progress, entry, key))
    return told


def accounts_of_log(runner: Runner, instance: Instance) -> list[Account]:
    """An account of what the log of a stored instance still holds."""
    base = decode_progress(instance.base) if instance.base is not None else None
    return accounts(runner, runner.engine.layout.unpack(instance.log), instance.key, base)


def accounts_of_touches(runner: Runner, touches: Sequence[Touch]) -> list[Account]:
    """An account of touchpoints in the order of the set, instance by instance, with those that did not count."""
    told: list[Account] = []
    groups: dict[str | None, list[tuple[Entry, int]]] = {}
    for place, touch in enumerate(touches):
        key = runner.key_of(touch)
        if runner.definition.key is not None and key is None:
            told.append(_aside(touch, "no key", None))
            continue
        entry = runner.engine.entry(touch)
        if entry is None:
            told.append(_aside(touch, "bears on nothing", key))
        else:
            groups.setdefault(key, []).append((entry, place))
    for key, items in groups.items():
        progress = None
        seen: set[bytes] = set()
        for entry, place in sorted(items):
            touch = touches[place]
            if entry.id in seen:
                told.append(_aside(touch, "duplicate", key))
                continue
            seen.add(entry.id)
            progress = progress or begin(runner.definition, entry.at_ms)
            account = _account(runner, progress, entry, key)
            told.append(
                msgspec.structs.replace(account, event_id=touch.event_id, type=touch.type, channel=touch.channel)
            )
    return sorted(told, key=lambda one: (one.key or "", one.at_ms))


def outlook(runner: Runner, progress: Progress) -> list[Outlook]:
    """Where the customer can go from here, stages not reached yet first."""
    stages = runner.definition.stages
    fresh = [place for place in range(len(stages)) if progress.first[place] is None]
    again = [place for place in range(len(stages)) if place not in fresh and place != progress.stage]
    if runner.definition.order == "forward":
        again = [place for place in again if place > progress.stage]
    depth = progress.depth
    return [
        Outlook(
            stage=stages[place].name,
            rules=stages[place].touchpoints,
            is_next_step=place >= depth and all(stage.optional for stage in stages[depth:place]),
        )
        for place in fresh + again
    ]


def _account(runner: Runner, progress: Progress, entry: Entry, key: str | None) -> Account:
    names = [stage.name for stage in runner.definition.stages]
    was, depth, gaps = progress.stage, progress.depth, sum(progress.gaps)
    stage = runner.engine.step(progress, entry.at_ms, entry.bits, entry.segments)
    ended = sum(progress.gaps) > gaps and progress.dropped is not None
    return Account(
        at_ms=entry.at_ms,
        event_id=readable_id(entry.id),
        type=None,
        channel=None,
        key=key,
        verdict=_verdict(entry.bits, len(names)),
        matched=tuple(name for place, name in enumerate(names) if entry.bits >> place & 1),
        rule=_rule(runner, entry.rule),
        stage=names[stage] if stage >= 0 else None,
        before=names[was] if was >= 0 else None,
        after=names[progress.stage] if progress.stage >= 0 else None,
        depth_before=depth,
        depth_after=progress.depth,
        dropped_ms=progress.zero_ms + (progress.dropped or 0) if ended else None,
    )


def _verdict(bits: int, stages: int) -> Verdict:
    if bits & ((1 << stages) - 1):
        return "counted"
    if bits >> stages & 1:
        return "exit"
    return "excluded" if bits else "no stage"


def _rule(runner: Runner, rule: int) -> int | None:
    names = rule_names(runner.definition)
    return names[rule][1] if rule < min(NO_RULE, len(names)) else None


def _aside(touch: Touch, verdict: Verdict, key: str | None) -> Account:
    """An account of a touchpoint that was not folded."""
    return Account(
        at_ms=touch.at_ms,
        event_id=touch.event_id,
        type=touch.type,
        channel=touch.channel,
        key=key,
        verdict=verdict,
        matched=(),
        rule=None,
        stage=None,
        before=None,
        after=None,
        depth_before=0,
        depth_after=0,
        dropped_ms=None,
    )
