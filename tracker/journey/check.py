"""The checks between parts of a journey file: names are different, named stages exist, numbers are within limits.

It knows the blocks as they were read, and notes problems and warnings at their places.
"""

import re

from tracker.duration import show
from tracker.journey.definition import BOUNDS_MS, MAX_STEPS_BY_SETS, SCALES
from tracker.journey.fields import (
    ACCOUNTS,
    BLOCKS,
    MAX_EXCLUSIONS,
    MAX_NAME,
    MAX_SEGMENT_VALUES,
    MAX_SEGMENTS,
    MAX_SERIES,
    MAX_STAGES,
    NAME,
    NAME_REMEDY,
    WARN_SERIES,
)
from tracker.journey.reader import Block, Reader
from tracker.journey.series_count import count
from tracker.journey.values import Word
from tracker.problem import Severity, choose
from tracker.yaml_tree import Node

RESERVED = ("all", "first", "last", "other")
ACCOUNT_KEYS = {"people": "quorum", "role": "role", "from": "role"}
_SAMPLES = {each.name: f"{each.name}: {each.example}" for each in BLOCKS["accounts"]}


def check(reader: Reader, journey: Block) -> None:
    """Note where the parts of a journey do not fit each other."""
    names = _stage_names(reader, journey)
    if funnel := journey.get("funnel"):
        _windows(reader, funnel, names)
        _exclusions(reader, funnel, names)
        _any_order(reader, funnel, names)
    _segments(reader, journey, names)
    _feedback(reader, journey)
    if accounts := journey.get("accounts"):
        _accounts(reader, journey, accounts)
    for stage in journey.get("stages", ()):
        _alerts(reader, stage)
    for example in journey.get("examples", ()):
        _example(reader, example, names)
        if "accounts" not in journey.nodes:
            _no_person(reader, example)


def _stage_names(reader: Reader, journey: Block) -> list[str]:
    stages: tuple[Block, ...] = journey.get("stages", ())
    if "stages" in journey.values and not stages:
        reader.note(journey.place("stages"), "no stages", "write at least one: [{name: …, touchpoints: [{type: …}]}]")
    if len(stages) > MAX_STAGES:
        reader.note(stages[MAX_STAGES].node, f"{len(stages)} stages", f"use up to {MAX_STAGES}, or several journeys")
    first: dict[str, Node] = {}
    for stage in stages:
        name = stage.get("name")
        if name is None:
            continue
        place = stage.place("name")
        if name in RESERVED:
            reader.note(place, f"{name!r} has a meaning of its own", "choose another name for the stage")
        elif name in first:
            reader.note(place, f"a second stage is called {name!r}; the first is on line {first[name].line}",
                        "give each stage a name of its own")  # fmt: skip
        else:
            first[name] = place
    return list(first)


def _known(reader: Reader, word: Word, names: list[str], also: tuple[str, ...] = ()) -> bool:
    if word.text in names or word.text in also:
        return True
    reader.note(word.node, f"no stage is called {word.text[:60]!r}", choose(word.text, [*also, *names]))
    return False


def _windows(reader: Reader, funnel: Block, names: list[str]) -> None:
    windows = funnel.get("window", {})
    whole = windows.get("all")
    for name, (node, window) in windows.items():
        if not _known(reader, Word(name, node), names, ("all",)) or name == "all":
            continue
        if name == names[0] and funnel.get("mode") != "any":
            reader.note(node, f"{name!r} is the first step: there is no step before it to count from",
                        "use `all` for the whole funnel, or the name of a later stage", "warning")  # fmt: skip
        elif whole and window > whole[1]:
            reader.note(node, f"the window of {name!r} is longer than the whole funnel's {show(whole[1])}",
                        "make it shorter, or `all` longer", "warning")  # fmt: skip


def _any_order(reader: Reader, funnel: Block, names: list[str]) -> None:
    """Note too many steps for chains by sets of steps: the number of sets doubles with each step."""
    is_watched = bool(funnel.get("exclude")) or bool(funnel.get("window", {}).keys() - {"all"})
    if funnel.get("mode") == "any" and is_watched and len(names) > MAX_STEPS_BY_SETS:
        remedy = f"use up to {MAX_STEPS_BY_SETS} stages, or one window and no `exclude`, or another mode"
        reader.note(funnel.place("mode"), f"{len(names)} steps in any order with exclusions or windows by step", remedy)


def _exclusions(reader: Reader, funnel: Block, names: list[str]) -> None:
    exclusions: tuple[Block, ...] = funnel.get("exclude", ())
    if len(exclusions) > MAX_EXCLUSIONS:
        reader.note(funnel.place("exclude"), f"{len(exclusions)} exclusions",
                    f"use up to {MAX_EXCLUSIONS}: `in: [one, two]` joins several into one")  # fmt: skip
    for each in exclusions:
        between: tuple[Word, Word] | None = each.get("between")
        if between is None:
            continue
        known = [_known(reader, word, names) for word in between]
        if all(known) and names.index(between[0].text) >= names.index(between[1].text):
            reader.note(between[0].node, f"{between[0].text!r} does not come before {between[1].text!r}",
                        f"write between: {_turned(between, names)}")  # fmt: skip


def _turned(between: tuple[Word, Word], names: list[str]) -> str:
    first, second = sorted(names.index(word.text) for word in between)
    if first == second:
        first, second = (first, first + 1) if first + 1 < len(names) else (max(first - 1, 0), first)
    return f"[{names[first]}, {names[second]}]"


def _segments(reader: Reader, journey: Block, names: list[str]) -> None:
    segments: dict[str, tuple[Node, Block]] = journey.get("segments", {})
    if len(segments) > MAX_SEGMENTS:
        reader.note(journey.place("segments"), f"{len(segments)} segments", f"use up to {MAX_SEGMENTS}")
    for _, segment in segments.values():
        if attribution := segment.get("attribution"):
            _known(reader, attribution, names, ("first", "last"))
        _segment_values(reader, segment)
    _series(reader, journey, segments)


def _segment_values(reader: Reader, segment: Block) -> None:
    values: tuple[Word, ...] = segment.get("values", ())
    if "values" in segment.values and not values:
        reader.note(segment.place("values"), "no values", "name the values to count separately, such as [b2b, b2c]")
    if len(values) > MAX_SEGMENT_VALUES:
        reader.note(segment.place("values"), f"{len(values)} values",
                    f"declare the {MAX_SEGMENT_VALUES} that matter; all others count as `other`")  # fmt: skip
    seen: set[str] = set()
    for word in values:
        if word.text in seen:
            reader.note(word.node, f"the value {word.text[:60]!r} is here twice", "keep one of the two")
        elif word.text == "other":
            reader.note(word.node, "'other' is what all undeclared values count as", "leave it out")
        elif not re.fullmatch(NAME, word.text):
            reader.note(word.node, f"{word.text[:60]!r} cannot be the value of a segment", NAME_REMEDY)
        seen.add(word.text)


def _series(reader: Reader, journey: Block, segments: dict[str, tuple[Node, Block]]) -> None:
    """Note the number of series in Prometheus where it is high."""
    buckets: Block | None = journey.get("buckets")
    stay = buckets.get("stay", BOUNDS_MS) if buckets else BOUNDS_MS
    convert = buckets.get("convert", stay) if buckets else stay
    series = count(
        stages=len(journey.get("stages", ())),
        values=sum(len(segment.get("values", ())) + 1 for _, segment in segments.values()),
        bounds=len(stay) + len(convert),
        scores=sum(SCALES[kind][1] - SCALES[kind][0] + 1 for kind in journey.get("feedback", {}) if kind in SCALES),
    )
    if segments and series > WARN_SERIES:
        severity: Severity = "problem" if series > MAX_SERIES else "warning"
        reader.note(journey.place("segments"), f"about {series:,} series in Prometheus for this journey",
                    f"declare fewer values or segments: up to {WARN_SERIES:,} is light, {MAX_SERIES:,} the limit",
                    severity)  # fmt: skip


def _feedback(reader: Reader, journey: Block) -> None:
    """Note questions without a known scale, and those that every touchpoint would answer."""
    feedback: dict[str, tuple[Node, Block]] = journey.get("feedback", {})
    for kind, (node, survey) in feedback.items():
        if kind not in SCALES:
            reader.note(node, f"feedback: the scale of {kind!r} is not known", choose(kind, SCALES))
        elif not any(survey.get(key) for key in ("channel", "type", "where")):
            reader.note(survey.node, f"feedback: every touchpoint with a score would answer {kind!r}",
                        f"name them: {{type: Survey Answered, where: {{properties.scale: {kind}}}}}")  # fmt: skip


def _accounts(reader: Reader, journey: Block, accounts: Block) -> None:
    """Note rules with a missing or a superfluous key, and journeys that cannot have accounts."""
    rule = accounts.get("rule")
    for key, of in ACCOUNT_KEYS.items():
        if rule == of and key not in accounts.nodes:
            reader.note(accounts.place("rule"), f"the rule {rule!r} lacks the key {key!r}", f"add `{_SAMPLES[key]}`")
        elif rule not in (None, of) and key in accounts.nodes:
            reader.note(accounts.place(key), f"{key!r} has no effect with the rule {rule!r}",
                        f"leave it out, or write `rule: {of}`")  # fmt: skip
    if journey.get("key"):
        reader.note(accounts.node, "a journey with a `key` has many instances for each person, accounts have one",
                    "leave `key` out, or put `accounts` into a journey of its own")  # fmt: skip
    funnel: Block | None = journey.get("funnel")
    if funnel and funnel.get("mode") == "strict":
        reader.note(accounts.node, "in `strict` mode nothing may lie between two steps, but people act side by side",
                    "use the mode `sequential` or `any`")  # fmt: skip
    name = journey.get("journey")
    if "journey" in accounts.nodes and accounts.get("journey") == name:
        reader.note(accounts.place("journey"), f"{name!r} is the people's journey", "give the accounts' another name")
    elif name is not None and "journey" not in accounts.nodes and len(name + ACCOUNTS) > MAX_NAME:
        reader.note(accounts.node, f"{name + ACCOUNTS!r} is too long for a name",
                    "write `journey:` here with a shorter name")  # fmt: skip


def _alerts(reader: Reader, stage: Block) -> None:
    """Warn of thresholds for something that cannot happen."""
    alerts: Block | None = stage.get("alerts")
    if alerts and alerts.get("drop_off") and "drops_after" not in stage.nodes:
        reader.note(alerts.place("drop_off"), "nobody can drop off here: the stage has no `drops_after`",
                    "add `drops_after: 14d`, or leave `drop_off` out", "warning")  # fmt: skip


def _no_person(reader: Reader, example: Block) -> None:
    for given in example.get("given", ()):
        if "person" in given.nodes:
            reader.note(given.place("person"), "the journey has no accounts, so no person can be named",
                        "add `accounts: {rule: furthest}` to the journey, or leave `person` out")  # fmt: skip


def _example(reader: Reader, example: Block, names: list[str]) -> None:
    if "given" in example.values and not example.get("given"):
        reader.note(example.place("given"), "no touchpoints are given", "write [{type: …, at: 0s}]")
    expect: Block | None = example.get("expect")
    if expect is None:
        return
    if not expect.nodes:
        reader.note(expect.node, "nothing is expected", "write the expected state, such as {current: …}")
    for key in ("current", "furthest"):
        if word := expect.get(key):
            _known(reader, word, names)
    for key in ("reached", "skipped"):
        for word in expect.get(key, ()):
            _known(reader, word, names)
