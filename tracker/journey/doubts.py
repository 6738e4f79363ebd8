"""Doubtful rules: those that never match, that match too much, or whose words look mistyped.

It knows rules and the channels that the tracker reads; `tracker/journey/rule_logic.py` compares rules.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import get_type_hints

from schemas.properties import BY_CHANNEL
from schemas.vocabulary import OF_BUSINESS
from tracker import paths
from tracker.journey.definition import Condition, Rule
from tracker.journey.fields import MAX_RULES
from tracker.journey.reader import Block, Reader, rule_of
from tracker.journey.rule_logic import disjoint, never, within
from tracker.problem import nearest
from tracker.yaml_tree import Node


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and its block."""

    rule: Rule
    block: Block

    @property
    def line(self) -> int:
        """The line on which the rule begins."""
        return self.block.node.line


def doubt(reader: Reader, journey: Block, channels: Sequence[str]) -> None:
    """Note the rules of a journey that never match, and warn of those that look wrong."""
    stages: list[tuple[str, Block, list[Placed]]] = [
        (stage.get("name", "?"), stage, _placed(stage.get("touchpoints", ()))) for stage in journey.get("stages", ())
    ]
    exits = _placed(journey.get("exits", ()))
    funnel: Block | None = journey.get("funnel")
    exclusions = _placed(funnel.get("exclude", ())) if funnel else []
    passive = _placed(journey.get("not_activity", ()))
    in_stages = [placed for _, _, rules in stages for placed in rules]
    if (count := len(in_stages) + len(exits) + len(exclusions) + len(passive)) > MAX_RULES:
        reader.note(journey.place("stages"), f"{count} touchpoint rules",
                    f"use up to {MAX_RULES}: `in: [one, two]` joins several rules into one")  # fmt: skip
        return
    for placed in [*in_stages, *exits, *exclusions, *passive]:
        _contradiction(reader, placed)
        _channel(reader, placed.block, channels)
        for condition, node in placed.block.get("where", ()):
            _part_of_single(reader, node, condition.path, placed.rule.channel)
    for block, name in _with_path(journey):
        if (path := block.get(name)) is not None:
            _part_of_single(reader, block.place(name), path, block.get("channel"))
    for name, stage, rules in stages:
        _unreachable(reader, name, stage, rules, exits)
        _repeats(reader, rules)
    for (name, _, rules), (later_name, _, later_rules) in combinations(stages, 2):
        _overlap(reader, name, rules, later_name, later_rules)
    _self_exclusion(reader, stages, exclusions)
    _spelling(reader, [*in_stages, *exits, *exclusions, *passive], journey, channels)
    _never_counts(reader, in_stages, passive)
    if not passive and any("drops_after" in stage.nodes for _, stage, _ in stages):
        _business(reader, in_stages)


def _placed(blocks: Iterable[Block]) -> list[Placed]:
    return [Placed(rule_of(block), block) for block in blocks]


def _contradiction(reader: Reader, placed: Placed) -> None:
    if reason := never(placed.rule):
        reader.note(placed.block.place("where"), f"this rule can never match: {reason}",
                    "remove one of the conditions, or write two rules")  # fmt: skip


def _channel(reader: Reader, block: Block, channels: Sequence[str]) -> None:
    channel = block.get("channel")
    if channel is None or channel in channels:
        return
    near = nearest(channel, channels)
    remedy = f"did you mean {near!r}?" if near else f"use one of: {', '.join(channels)}; or add it in the settings"
    reader.note(block.place("channel"), f"no touchpoints come in on the channel {channel[:60]!r}", remedy, "warning")


def _with_path(journey: Block) -> Iterator[tuple[Block, str]]:
    """The blocks that name a place in a touchpoint, each with the key that does."""
    yield journey, "key"
    for _, segment in journey.get("segments", {}).values():
        yield segment, "from"
    for _, survey in journey.get("feedback", {}).values():
        yield survey, "score"
    if accounts := journey.get("accounts"):
        yield accounts, "from"


def _part_of_single(reader: Reader, node: Node, path: paths.Path, channel: str | None) -> None:
    """Warn of an element or a part of what the common properties say is one text or number."""
    if len(path) < 3 or path[0] != "properties":
        return
    known = [each for name, each in BY_CHANNEL.items() if channel in {None, name}]
    of = next((kind for each in known if (kind := get_type_hints(each).get(path[1])) in (str, float)), None)
    if of is not None:
        what = "a text" if of is str else "a number"
        whole = paths.show(path[:2])
        reader.note(node, f"{paths.show(path)} can hardly match: {whole} is commonly {what} without parts",
                    f"write {whole}, or another name if it is a list or an object", "warning")  # fmt: skip


def _unreachable(reader: Reader, name: str, stage: Block, rules: list[Placed], exits: list[Placed]) -> None:
    if not rules and ("touchpoints" not in stage.nodes or "touchpoints" in stage.values):
        reader.note(stage.place("touchpoints"), f"{name!r} can never be reached: it has no touchpoints",
                    "add touchpoints: [{type: …}]", "warning")  # fmt: skip
        return
    ends = [next((end for end in exits if within(each.rule, end.rule)), None) for each in rules]
    if rules and all(ends):
        line = next(end.line for end in ends if end)
        reader.note(stage.place("touchpoints"),
                    f"whoever reaches {name!r} leaves the journey at once: its touchpoints are exits too (line {line})",
                    "make the exit or the stage more specific", "warning")  # fmt: skip


def _never_counts(reader: Reader, rules: list[Placed], passive: list[Placed]) -> None:
    """Warn of rules of stages that only what is not the customer's activity can meet."""
    for placed in rules:
        wider = next((other for other in passive if within(placed.rule, other.rule)), None)
        if wider:
            reader.note(placed.block.node, "no touchpoint counts by this rule: `not_activity` "
                        f"(line {wider.line}) says that the customer has no part in them",
                        "name what the customer does, or make `not_activity` more specific", "warning")  # fmt: skip


def _business(reader: Reader, rules: list[Placed]) -> None:
    """Warn of types that are the business's doing, where they break the customers' silence."""
    by_business = Rule(where=(Condition(("context", "by"), "eq", "business"),))
    for placed in rules:
        kind = placed.rule.type
        if kind in OF_BUSINESS and not disjoint(placed.rule, by_business):
            message = f"{kind!r} is what the business does, and breaks the customers' silence"
            reader.note(placed.block.place("type"), message,
                        "add `not_activity: [{where: {context.by: business}}]`, and name what the customer does",
                        "warning")  # fmt: skip


def _repeats(reader: Reader, rules: list[Placed]) -> None:
    for number, placed in enumerate(rules):
        if placed.rule == Rule():
            reader.note(placed.block.node, "this rule matches every touchpoint", "name a channel or a type", "warning")
        wider = next((other for other in rules[:number] if within(placed.rule, other.rule)), None)
        if wider:
            reader.note(placed.block.node, f"this rule adds nothing: the one on line {wider.line} already includes it",
                        "remove it", "warning")  # fmt: skip


def _overlap(reader: Reader, name: str, rules: list[Placed], later_name: str, later_rules: list[Placed]) -> None:
    """Warn of two stages that share touchpoints, once for each pair."""
    for placed in later_rules:
        for other in rules:
            if _shared(other.rule, placed.rule):
                reader.note(placed.block.node, _overlap_message(name, other, later_name, placed),
                            "right for a repeated step or a special case of a general rule; "
                            "else add a condition that separates them", "warning")  # fmt: skip
                return


def _shared(one: Rule, other: Rule) -> bool:
    """Whether an overlap deserves a warning: not where one rule names only a type and the other only a channel."""
    if disjoint(one, other):
        return False
    alike = one.type is not None and one.type == other.type
    return alike or within(one, other) or within(other, one)


def _overlap_message(name: str, other: Placed, later_name: str, placed: Placed) -> str:
    forth, back = within(placed.rule, other.rule), within(other.rule, placed.rule)
    if forth and back:
        return f"the same touchpoints mean {name!r} (line {other.line}) and {later_name!r}"
    if forth:
        return f"what means {later_name!r} here always means {name!r} too (line {other.line})"
    if back:
        return f"this includes everything that means {name!r} (line {other.line})"
    return f"a touchpoint can mean both {name!r} (line {other.line}) and {later_name!r}"


def _self_exclusion(reader: Reader, stages: list[tuple[str, Block, list[Placed]]], exclusions: list[Placed]) -> None:
    for name, _, rules in stages:
        for exclusion in exclusions:
            if rules and all(within(each.rule, exclusion.rule) for each in rules):
                reader.note(exclusion.block.node, f"this takes everyone who reaches {name!r} out of the funnel",
                            "make the exclusion more specific", "warning")  # fmt: skip


def _spelling(reader: Reader, rules: list[Placed], journey: Block, channels: Sequence[str]) -> None:
    """Warn of types that differ from another one only in capitals, spaces, - or _."""
    first: dict[str, tuple[str, int]] = {}
    for block in [*(placed.block for placed in rules), *_given(journey)]:
        kind = block.get("type")
        if kind is None:
            continue
        plain = kind.casefold().replace("-", " ").replace("_", " ").strip()
        known, line = first.setdefault(plain, (kind, block.place("type").line))
        if known != kind:
            reader.note(block.place("type"), f"{kind!r} is written {known!r} on line {line}",
                        "types are compared letter by letter: write both the same way", "warning")  # fmt: skip
    for block in _given(journey):
        _channel(reader, block, channels)


def _given(journey: Block) -> Iterator[Block]:
    for example in journey.get("examples", ()):
        yield from example.get("given", ())
