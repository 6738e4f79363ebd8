"""A matcher: which stages, exits and exclusions of one journey a touch meets, as bits.

Bit i is stage i; the bit after the stages is the exit; the exclusions follow in their order. Where the journey says
what is not the customer's activity, the last bit marks such touches, and they have no stage.
It looks at one touch at a time, and knows no customer and no clock.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tracker.journey.conditions import Predicate, compile_rule, compile_where, getter
from tracker.journey.definition import Definition, Rule, Segment
from tracker.records.log import NO_RULE
from tracker.records.state import FIRST_VALUE, OTHER
from tracker.touch import Touch

MAX_BITS: Final = 63


def as_text(value: Any) -> str | None:
    """A single value as JSON writes it, texts without their quotes; None for lists, objects and null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else None


class _Candidate(NamedTuple):
    bit: int
    rule: int
    test: Predicate | None


class Match(NamedTuple):
    """What a touch meets."""

    bits: int
    rule: int
    """The first rule met, counted over the whole definition; NO_RULE where none is."""


def ranked(definition: Definition) -> list[tuple[int, Rule]]:
    """Every rule with its bit, in the order in which rules are numbered."""
    count = len(definition.stages)
    rules = [(1 << index, rule) for index, stage in enumerate(definition.stages) for rule in stage.touchpoints]
    rules += [(1 << count, rule) for rule in definition.exits]
    rules += [(1 << (count + 1 + index), exclusion.rule) for index, exclusion in enumerate(definition.funnel.exclude)]
    return rules + [(passive_bit(definition), rule) for rule in definition.not_activity]


def passive_bit(definition: Definition) -> int:
    """The bit of touches that are not the customer's activity; 0 where the journey names none."""
    return 1 << bit_count(definition) - 1 if definition.not_activity else 0


def bit_count(definition: Definition) -> int:
    """How many bits a touch has."""
    return len(definition.stages) + 1 + len(definition.funnel.exclude) + bool(definition.not_activity)


def rule_names(definition: Definition) -> list[tuple[str, int]]:
    """By rule number: the stage (or `exit`, `exclude`, `not_activity`) and the rule's place in it, counted from 0."""
    names = [(stage.name, place) for stage in definition.stages for place in range(len(stage.touchpoints))]
    names += [("exit", place) for place in range(len(definition.exits))]
    names += [("exclude", place) for place in range(len(definition.funnel.exclude))]
    return names + [("not_activity", place) for place in range(len(definition.not_activity))]


Plan = Match | list[_Candidate]
Table = dict[tuple[str | None, str | None], Plan]


class Matcher:
    """The rules of one journey, looked up by channel and type before any condition is tried."""

    def __init__(self, definition: Definition, *, exits: bool = True) -> None:
        """`exits`: whether the rules for leaving the journey count; they have their numbers in any case."""
        rules = ranked(definition)
        exit_bit = 0 if exits else 1 << len(definition.stages)
        if bit_count(definition) > MAX_BITS:
            most = MAX_BITS - 1 - bool(definition.not_activity)
            raise ValueError(f"journey {definition.journey}: more than {most} stages and exclusions")
        stages, self.passive = (1 << len(definition.stages)) - 1, passive_bit(definition)
        passive = [compile_rule(rule) for rule in definition.not_activity]
        self.is_passive: Predicate | None = _any_of(passive) if passive else None
        """Whether a touch is not the customer's activity; None where the journey does not say."""
        self._passive = [(min(len(rules) - len(passive) + at, NO_RULE - 1), test) for at, test in enumerate(passive)]
        self._channels = {rule.channel for _, rule in rules} - {None}
        self._types = {rule.type for _, rule in rules} - {None}
        numbered = [(bit, rule, min(place, NO_RULE - 1)) for place, (bit, rule) in enumerate(rules)]
        compiled = [
            (rule, _Candidate(bit, place, compile_where(rule)))
            for bit, rule, place in numbered
            if bit not in {self.passive, exit_bit}
        ]
        self._table = self._table_of(compiled)
        # What is not the customer's activity may still be an exit or an exclusion.
        self._ends = self._table_of([one for one in compiled if not one[1].bit & stages]) if passive else {}

    def _table_of(self, compiled: list[tuple[Rule, _Candidate]]) -> Table:
        return {
            (channel, kind): self._plan(
                [
                    candidate
                    for rule, candidate in compiled
                    if rule.channel in {None, channel} and rule.type in {None, kind}
                ]
            )
            for channel in (*self._channels, None)
            for kind in (*self._types, None)
        }

    def ready(self, channel: str, kind: str) -> Match | None:
        """The match of the customer's activity where channel and type alone decide it; None where conditions must be
        tried.
        """
        plan = self._plan_of(self._table, channel, kind)
        return None if isinstance(plan, list) else plan

    @staticmethod
    def _plan(candidates: list[_Candidate]) -> Plan:
        """The match itself where no condition has to be tried, else the candidates to try."""
        if any(candidate.test for candidate in candidates):
            return candidates
        bits = 0
        for candidate in candidates:
            bits |= candidate.bit
        return Match(bits, candidates[0].rule if candidates else NO_RULE)

    def _plan_of(self, table: Table, channel: str, kind: str) -> Plan:
        known_channel = channel if channel in self._channels else None
        return table[known_channel, kind if kind in self._types else None]

    def match(self, touch: Touch) -> Match:
        """What the touch meets."""
        if self.is_passive is not None and self.is_passive(touch):
            return self.match_passive(touch)
        return self.match_active(touch)

    def match_active(self, touch: Touch) -> Match:
        """What the touch meets, which is the customer's activity."""
        return self._tried(self._plan_of(self._table, touch.channel, touch.type), touch)

    def match_passive(self, touch: Touch) -> Match:
        """What the touch meets, which is not the customer's activity: exits and exclusions."""
        bits, rule = self._tried(self._plan_of(self._ends, touch.channel, touch.type), touch)
        if not bits:
            rule = next(number for number, test in self._passive if test(touch))
        return Match(bits | self.passive, rule)

    @staticmethod
    def _tried(plan: Plan, touch: Touch) -> Match:
        if not isinstance(plan, list):
            return plan
        bits, first = 0, NO_RULE
        for bit, rule, test in plan:
            if test is None or test(touch):
                bits |= bit
                first = min(first, rule)
        return Match(bits, first)


def _any_of(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda touch: any(test(touch) for test in tests)


MAX_VALUES: Final = 250


def segment_coder(segments: tuple[Segment, ...]) -> Callable[[Touch], bytes]:
    """A function from a touch to one byte a segment."""
    coders = [_coder(segment) for segment in segments]
    if len(coders) == 1:
        return coders[0]
    return lambda touch: b"".join([code(touch) for code in coders])


def _coder(segment: Segment) -> Callable[[Touch], bytes]:
    codes = {value: bytes([FIRST_VALUE + at]) for at, value in enumerate(segment.values[:MAX_VALUES])}
    none, other = b"\0", bytes([OTHER])

    def code_of(value: Any) -> bytes:
        if value is None or value == "":
            return none
        return codes.get(value if isinstance(value, str) else as_text(value) or "", other)

    if len(segment.path) == 2 and segment.path[0] == "context":
        # The usual path, read without a call of `lookup`.
        name = segment.path[1]

        def code(touch: Touch) -> bytes:
            value = touch.context.get(name)
            return codes.get(value) or code_of(value) if value.__class__ is str else code_of(value)

        return code
    get = getter(segment.path)
    return lambda touch: code_of(get(touch))
