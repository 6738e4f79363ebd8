"""Migration: a stored state folded with one definition becomes a state of another.

The log holds which rules touchpoints matched, and not the touchpoints. So the matches of the old rules stay, and are
folded again under the new windows, limits and order. Stages with the same name are the same stage
(docs/decisions/0016-definitions-in-the-store.md). It knows states and definitions; `tracker/engine/customer.py` decides
when to migrate.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

from tracker.engine.engine import Engine, shape
from tracker.engine.fold import begin
from tracker.engine.matcher import passive_bit, ranked, rule_names
from tracker.journey.definition import Definition
from tracker.records.log import NO_RULE, Entry
from tracker.records.state import FIRST_VALUE, OTHER, Instance, Progress, decode_progress, encode

T = TypeVar("T")
_SHAPE: Final = 0xFFFFF000


class UnknownDefinitionError(Exception):
    """A stored state was folded with a definition that is not given and has another shape than the present one."""

    def __init__(self, journey: str, version: int) -> None:
        super().__init__(
            f"stored states of journey {journey!r} were made by version {version}, whose stages, goals, exclusions, "
            "segments, buckets or key differ from every definition at hand; store that version, or rebuild from Kafka"
        )
        self.journey = journey
        self.version = version


def same_shape(one: int, other: int) -> bool:
    """Whether two fingerprints give bits, lists and figures the same meaning."""
    return one & _SHAPE == other & _SHAPE


def migrate(instance: Instance, old: Engine, new: Engine, *, keeps_chains: bool = False) -> Instance:
    """The instance under the new definition; the old instance is not changed.

    `keeps_chains`: the definition is the same, and the state was folded by other rules (`fingerprint`).
    """
    convert = _converter(old, new)
    entries = [convert(entry) for entry in old.layout.unpack(instance.log)]
    base = decode_progress(instance.base) if instance.base is not None else None
    if base is not None and shape(old.definition) != shape(new.definition):
        base = _rebased(base, old.definition, new.definition)
    elif base is not None:
        base = _noted(base, new) if keeps_chains else _reopened(base)
    entries.sort()
    after = Instance(
        instance.key,
        instance.progress,
        new.layout.pack_all(entries),
        None if base is None else encode(base),
        instance.base_until_ms,
        instance.former_ids,
        instance.corrections,
        instance.feedback,
        instance.by_browsers,
        instance.cohorts_from,
    )
    after.progress = new.fold(entries, base) or begin(new.definition, instance.progress.zero_ms)
    # A drop-off that was reported stays reported while its deadline is the same.
    reported = instance.progress
    new.keep_reported(after.progress, old.deadline_ms(reported) if reported.is_dropped else None)
    return after


def _noted(base: Progress, engine: Engine) -> Progress:
    """A base that says which optional steps were taken: those that it reached and that its funnel has come to."""
    for place, notes in enumerate(engine.steps.notes):
        if notes and base.depth > place and base.first[place] is not None:
            base.taken |= 1 << place
    return base


def _reopened(base: Progress) -> Progress:
    """A base without open chains: their form depends on the funnel, which may have changed."""
    base.chains = []
    return base


@lru_cache(maxsize=32)
def _converter(old: Engine, new: Engine) -> Callable[[Entry], Entry]:
    """A function from an entry of the old shape to one of the new."""
    bits_of = _bit_map(old.definition, new.definition)
    codes = _code_maps(old.definition, new.definition)
    rules = _rule_map(old.definition, new.definition)

    def convert(entry: Entry) -> Entry:
        bits = 0
        for was, now in bits_of:
            if entry.bits & was:
                bits |= now
        segments = bytes(codes_of[entry.segments[place]] if place >= 0 else 0 for place, codes_of in codes)
        return Entry(entry.at_ms, new.layout.order(bits), entry.id, bits, rules.get(entry.rule, NO_RULE), segments)

    return convert


def _bit_map(old: Definition, new: Definition) -> list[tuple[int, int]]:
    """Pairs of bits that mean the same: stages by name, the exit, exclusions by their rule."""
    news = {stage.name: place for place, stage in enumerate(new.stages)}
    pairs = [(1 << place, 1 << news[stage.name]) for place, stage in enumerate(old.stages) if stage.name in news]
    if new.exits:
        pairs.append((1 << len(old.stages), 1 << len(new.stages)))
    if old.not_activity and new.not_activity:
        pairs.append((passive_bit(old), passive_bit(new)))
    for was, one in enumerate(old.funnel.exclude):
        for now, other in enumerate(new.funnel.exclude):
            if one.rule == other.rule:
                pairs.append((1 << (len(old.stages) + 1 + was), 1 << (len(new.stages) + 1 + now)))
    return pairs


def _rule_map(old: Definition, new: Definition) -> dict[int, int]:
    """By the old number of a rule: the new one of the same rule of the same stage, where it still exists."""
    names = [
        [(name, repr(rule)) for (name, _), (_, rule) in zip(rule_names(one), ranked(one), strict=True)]
        for one in (old, new)
    ]
    numbers = {each: number for number, each in reversed(list(enumerate(names[1][:NO_RULE])))}
    return {number: numbers[each] for number, each in enumerate(names[0][:NO_RULE]) if each in numbers}


def _code_maps(old: Definition, new: Definition) -> list[tuple[int, list[int]]]:
    """By new segment: the place of the old one (-1 for none), and the new code of every old code."""
    places = {segment.name: place for place, segment in enumerate(old.segments)}
    maps: list[tuple[int, list[int]]] = []
    for segment in new.segments:
        place = places.get(segment.name, -1)
        values = old.segments[place].values if place >= 0 else ()
        known = {value: FIRST_VALUE + at for at, value in enumerate(segment.values)}
        maps.append((place, [0, OTHER, *(known.get(value, OTHER) for value in values)]))
    return maps


def _rebased(base: Progress, old: Definition, new: Definition) -> Progress:
    """A base with its stages mapped by name; what was known of a removed stage is lost."""
    places = {stage.name: place for place, stage in enumerate(old.stages)}
    olds = [places.get(stage.name, -1) for stage in new.stages]
    news = {was: now for now, was in enumerate(olds) if was >= 0}

    def moved(values: list[T], blank: Any) -> list[T]:
        return [values[was] if was >= 0 else blank for was in olds] if values else []

    base.first = moved(base.first, None)
    base.visits = moved(base.visits, 0)
    base.spent = moved(base.spent, 0)
    base.gaps = moved(base.gaps, 0)
    base.stage = news.get(base.stage, -1)
    base.furthest = max((now for now, at in enumerate(base.first) if at is not None), default=-1)
    if base.stage < 0:
        # The current stage was removed. The furthest one left replaces it; without one the journey has not begun.
        base.stage = base.furthest
    base.depth, base.taken = _depth(base, old, new)
    base.segments = [
        codes[base.segments[place]] if place >= 0 else 0 for place, codes in _code_maps(old, new)
    ]  # fmt: skip
    return _reopened(base)


def _depth(base: Progress, old: Definition, new: Definition) -> tuple[int, int]:
    """How deep the chain of a base is among the new stages, and which optional steps of them were taken.

    It is known where the same chain counts under both funnels. Else it is 0, and the log, folded next, gives the depth
    again as far as it reaches back.
    """
    places = {stage.name: place for place, stage in enumerate(old.stages)}
    kept = [places[stage.name] for stage in new.stages if stage.name in places]
    if old.funnel != new.funnel or new.funnel.mode == "any" or new.funnel.step_windows_ms or kept != sorted(kept):
        return 0, 0
    depth = taken = 0
    for place, stage in enumerate(new.stages):
        was = places.get(stage.name, base.depth)
        if was < base.depth and (not old.stages[was].optional or base.taken >> was & 1):
            depth, taken = place + 1, taken | stage.optional << place
        elif not stage.optional:
            break
    return depth, taken
