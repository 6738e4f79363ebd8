"""A customer: all journeys and instances in one record, folded a batch at a time.

What the planner calls. It turns bytes and touches into bytes, differences of aggregates, transitions and the next
moment at which the clock matters; it knows no partition, no store and no clock.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from schemas.transition import Transition
from tracker.conditions import getter
from tracker.contribution import Contributor, difference
from tracker.definition import Definition
from tracker.engine import DEFAULT_HORIZON_MS, Engine
from tracker.log import Entry
from tracker.shifts import Teller, view
from tracker.state import VERSION, Instance, Journey, Record, decode, encode
from tracker.touch import Touch

# A customer with more orders than this is a machine or a reseller; the rest of them is counted as ignored.
MAX_INSTANCES: Final = 500
MAX_KEY_LENGTH: Final = 128


class Change(msgspec.Struct):
    """What a fold did to one customer."""

    after: bytes
    aggregates: dict[str, int]
    """Field → difference; fields that stay the same are left out."""
    due_ms: int | None
    """The next moment at which the clock alone changes this record; None: never."""
    transitions: list[Transition]
    applied: int = 0
    """Touchpoints that counted for the first time, whether or not they bear on a stage."""
    duplicate: int = 0
    late: int = 0
    """Of the applied ones: older than the lateness horizon, so taken in on top of the base."""
    ignored: int = 0
    """Of the applied ones: those that bear on no stage, exit or exclusion of any journey."""


class Kept(msgspec.Struct):
    """What the fold of one journey's touches says to its caller, added up over journeys."""

    new: set[int] = msgspec.field(default_factory=set)
    bearing: set[int] = msgspec.field(default_factory=set)
    late: set[int] = msgspec.field(default_factory=set)
    duplicate: set[int] = msgspec.field(default_factory=set)


class _Runner:
    """One journey with everything that is prepared for it."""

    def __init__(self, definition: Definition, horizon_ms: int | None) -> None:
        self.definition = definition
        self.engine = Engine(definition, horizon_ms)
        self.contributor = Contributor(definition)
        self.teller = Teller(definition)
        self.key = getter(definition.key) if definition.key else None

    def key_of(self, touch: Touch) -> str | None:
        """The instance that a touch belongs to; None for none."""
        assert self.key is not None
        value = self.key(touch)
        if value is None or isinstance(value, (dict, list)) or value == "":
            return None
        return str(value)[:MAX_KEY_LENGTH]


class Journeys:
    """All journeys that run side by side, ready to fold customers."""

    def __init__(self, definitions: Sequence[Definition], horizon_ms: int | None = DEFAULT_HORIZON_MS) -> None:
        self.definitions: Final = tuple(definitions)
        self._runners = [_Runner(definition, horizon_ms) for definition in definitions]

    def fold(self, customer: str, before: bytes | None, touches: Sequence[Touch], now_ms: int) -> Change:
        """The customer after these touches, at `now_ms` or the newest touch, whichever is later."""
        record = decode(before) if before is not None else Record(VERSION, [])
        change = Change(b"", {}, None, [])
        kept = Kept()
        for runner in self._runners:
            self._fold_journey(runner, customer, record, touches, now_ms, change, kept)
        change.applied = len(touches) - len(kept.duplicate - kept.new)
        change.duplicate = len(kept.duplicate - kept.new)
        change.late = len(kept.late)
        change.ignored = change.applied - len(kept.bearing)
        change.after = encode(record)
        return change

    def contribution(self, data: bytes) -> dict[str, int]:
        """What a stored record adds to every aggregate."""
        total: dict[str, int] = {}
        runners = {runner.definition.journey: runner for runner in self._runners}
        for journey in decode(data).journeys:
            runner = runners.get(journey.name)
            for instance in journey.instances if runner else ():
                assert runner is not None
                _add(total, runner.contributor.vector(instance))
        return total

    def _fold_journey(
        self, runner: _Runner, customer: str, record: Record, touches: Sequence[Touch], now_ms: int,
        change: Change, kept: Kept,
    ) -> None:  # fmt: skip
        definition = runner.definition
        journey = next((one for one in record.journeys if one.name == definition.journey), None)
        if journey is None:
            journey = Journey(definition.journey, definition.version, runner.engine.layout_id, [])
            record.journeys.append(journey)
        vectors = {instance.key: runner.contributor.vector(instance) for instance in journey.instances}
        for key, group in _groups(runner, touches).items():
            instance = next((one for one in journey.instances if one.key == key), None)
            if instance is None and len(journey.instances) >= MAX_INSTANCES:
                continue
            after = _take(runner, customer, instance, key, group, change, kept)
            if instance is None:
                journey.instances.append(after)
        for instance in journey.instances:
            due_ms = runner.engine.look(instance.progress, now_ms) if not instance.progress.is_dropped else None
            before = vectors.get(instance.key, {})
            after_vector = runner.contributor.vector(instance)
            if due_ms is not None:
                change.due_ms = due_ms if change.due_ms is None else min(due_ms, change.due_ms)
            elif instance.progress.is_dropped and after_vector != before:
                change.transitions.append(runner.teller.dropped(customer, instance.key, instance.progress))
            _add(change.aggregates, difference(before, after_vector))


def _add(total: dict[str, int], fields: dict[str, int]) -> None:
    for field, count in fields.items():
        summed = total.get(field, 0) + count
        if summed:
            total[field] = summed
        else:
            total.pop(field, None)


Item = tuple[Entry, int, Touch]


def _groups(runner: _Runner, touches: Iterable[Touch]) -> dict[str | None, list[Item]]:
    """The touches by instance, in arrival order."""
    groups: dict[str | None, list[Item]] = {}
    for place, touch in enumerate(touches):
        key = None
        if runner.key is not None:
            key = runner.key_of(touch)
            if key is None:
                continue
        groups.setdefault(key, []).append((runner.engine.entry(touch), place, touch))
    return groups


def _take(
    runner: _Runner, customer: str, instance: Instance | None, key: str | None, group: list[Item],
    change: Change, kept: Kept,
) -> Instance:  # fmt: skip
    """The instance after a batch of touches."""
    engine, teller = runner.engine, runner.teller
    if engine.horizon_ms is None or max(e.at_ms for e, _, _ in group) - min(e.at_ms for e, _, _ in group) <= engine.horizon_ms:
        group.sort(key=lambda item: item[0])
    for entry, place, touch in group:
        if entry.rule != 255:
            kept.bearing.add(place)
        if instance is None:
            instance = engine.open(key, entry)
            kept.new.add(place)
            blank = view(engine.begin(entry.at_ms))
            change.transitions.extend(teller.step(customer, key, blank, instance.progress, touch, entry.rule))
            continue
        if engine.holds(instance, entry):
            kept.duplicate.add(place)
            continue
        kept.new.add(place)
        before = view(instance.progress)
        if engine.is_newest(instance, entry):
            engine.append(instance, entry)
            change.transitions.extend(teller.step(customer, key, before, instance.progress, touch, entry.rule))
        else:
            if engine.insert(instance, [entry]):
                kept.late.add(place)
            if view(instance.progress) != before:
                instance.corrections += 1
                change.transitions.append(teller.corrected(customer, key, before, instance.progress, touch, entry.rule))
    assert instance is not None
    return instance
