"""A customer: all journeys and instances in one record, folded a batch at a time.

What the planner calls. It turns bytes and touches into bytes, differences of aggregates, transitions and the next
moment at which the clock matters; it knows no partition, no store and no clock.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.transition import Transition
from tracker.conditions import getter
from tracker.contribution import NOTHING, Contributor
from tracker.definition import Definition
from tracker.engine import DEFAULT_HORIZON_MS, MAX_IDS, Engine
from tracker.log import ID_BYTES, Entry, holds_id, short_id
from tracker.matcher import as_text
from tracker.migration import UnknownDefinitionError, migrate, same_shape
from tracker.shifts import Teller, View, view
from tracker.state import VERSION, Instance, Journey, Record, decode, encode
from tracker.touch import Touch

# A customer with more orders than this is a reseller or a machine: no new ones begin, their touchpoints are ignored.
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
    """Touchpoints that counted for the first time, whether or not they bear on a journey."""
    duplicate: int = 0
    late: int = 0
    """Of the applied ones: older than the lateness horizon, so taken in on top of the base."""
    ignored: int = 0
    """Of the applied ones: those that bear on no journey."""


class _Batch:
    """The touches of one fold, and by their place what became of them."""

    def __init__(self, customer: str, touches: Sequence[Touch], now_ms: int) -> None:
        self.customer = customer
        self.touches = touches
        self.now_ms = now_ms
        self.bearing: set[int] = set()
        self.duplicate: set[int] = set()
        self.late: set[int] = set()
        self.transitions: list[Transition] = []


Item = tuple[Entry, int]
"""An entry and the place of its touch in the batch."""


class Runner:
    """One journey with everything that is prepared for it."""

    def __init__(self, definition: Definition, horizon_ms: int | None) -> None:
        self.definition = definition
        self.engine = Engine(definition, horizon_ms)
        self.contributor = Contributor(definition)
        self.teller = Teller(definition)
        self._key = getter(definition.key) if definition.key else None

    def key_of(self, touch: Touch) -> str | None:
        """The instance that a touch belongs to; None for none, and where the journey has no key."""
        if self._key is None:
            return None
        key = as_text(self._key(touch))
        return key[:MAX_KEY_LENGTH] if key else None

    def group(self, batch: _Batch) -> dict[str | None, list[Item]]:
        """The entries of a batch by instance, in arrival order."""
        groups: dict[str | None, list[Item]] = {}
        for place, touch in enumerate(batch.touches):
            key = None
            if self._key is not None:
                key = self.key_of(touch)
                if key is None:
                    continue
            entry = self.engine.entry(touch)
            if entry is not None:
                groups.setdefault(key, []).append((entry, place))
        return groups

    def take(self, instance: Instance, items: list[Item], batch: _Batch) -> None:
        """Take the touches of one batch into an instance."""
        if len(items) == 1 or self._is_order_free(instance, items):
            items.sort()
            self._take_sorted(instance, items, batch)
            return
        for item in items:
            self._take_sorted(instance, [item], batch)

    def _is_order_free(self, instance: Instance, items: list[Item]) -> bool:
        """Whether nothing in the batch can come to lie beyond the horizon: only then does arrival order matter."""
        horizon_ms = self.engine.horizon_ms
        if horizon_ms is None:
            return True
        times = [entry.at_ms for entry, _ in items]
        newest_ms = max(*times, self.engine.layout.newest_ms(instance.log))
        return newest_ms - min(times) <= horizon_ms and min(times) >= instance.base_until_ms

    def _take_sorted(self, instance: Instance, items: list[Item], batch: _Batch) -> None:
        engine = self.engine
        older: list[Item] = []
        newer: list[Item] = []
        for item in self._new_ones(instance, items, batch):
            entry, place = item
            if engine.is_newest(instance, entry):
                newer.append(item)
            elif engine.is_beyond(instance, entry):
                batch.late.add(place)
                before = view(instance.progress)
                engine.apply_late(instance, entry)
                self._tell_corrected(instance, before, item, batch)
            else:
                older.append(item)
        if older:
            before = view(instance.progress)
            engine.insert(instance, [entry for entry, _ in older])
            self._tell_corrected(instance, before, older[0], batch)
        if newer:
            self._advance(instance, newer, batch)

    def _advance(self, instance: Instance, newer: list[Item], batch: _Batch) -> None:
        """Fast path: touches that come after all others."""
        engine, teller, progress = self.engine, self.teller, instance.progress
        for entry, place in newer:
            before = teller.before(progress)
            engine.step(progress, entry.at_ms, entry.bits, entry.segments)
            told = teller.step(batch.customer, instance.key, before, progress, batch.touches[place], entry.rule)
            if told:
                batch.transitions.extend(told)
                instance.corrections += sum(one.kind == "corrected" for one in told)
        engine.append(instance, [entry for entry, _ in newer])

    def _new_ones(self, instance: Instance, items: list[Item], batch: _Batch) -> list[Item]:
        """The items that are no duplicates. An earlier version of a known touchpoint takes its place."""
        engine, log = self.engine, instance.log
        # Looking an id up in the log is a scan; many look-ups are worth a set.
        ids = {entry.id for entry in engine.layout.unpack(log)} if len(items) > 8 and log else None
        seen: set[bytes] = set()
        new: list[Item] = []
        for item in items:
            short = item[0].id
            if short in seen:
                batch.duplicate.add(item[1])
                continue
            seen.add(short)
            if (short in ids) if ids is not None else (short in log and engine.layout.find(log, short) >= 0):
                batch.duplicate.add(item[1])
                self._take_version(instance, item, batch)
            elif instance.former_ids and holds_id(instance.former_ids, short):
                batch.duplicate.add(item[1])
            else:
                new.append(item)
        return new

    def _take_version(self, instance: Instance, item: Item, batch: _Batch) -> None:
        """Of two touchpoints with one id, the one that comes first in the order counts."""
        layout, entry = self.engine.layout, item[0]
        index = layout.find(instance.log, entry.id)
        if index < 0 or self.engine.is_beyond(instance, entry):
            return
        if entry < layout.unpack(instance.log[index * layout.size : (index + 1) * layout.size])[0]:
            before = view(instance.progress)
            self.engine.replace(instance, index, entry)
            self._tell_corrected(instance, before, item, batch)

    def _tell_corrected(self, instance: Instance, before: View, item: Item, batch: _Batch) -> None:
        if view(instance.progress) != before:
            entry, place = item
            instance.corrections += 1
            batch.transitions.append(
                self.teller.corrected(
                    batch.customer, instance.key, before, instance.progress, batch.touches[place], entry.rule
                )
            )

    def tick(self, instance: Instance, batch: _Batch) -> None:
        """Let the clock act on an instance."""
        engine, progress = self.engine, instance.progress
        if engine.look(progress, batch.now_ms):
            at_ms = engine.deadline_ms(progress) or 0
            batch.transitions.append(self.teller.dropped(batch.customer, instance.key, progress, at_ms))

    def due_ms(self, instance: Instance) -> int | None:
        """The next moment at which the clock changes an instance."""
        deadline_ms = self.engine.deadline_ms(instance.progress)
        return None if deadline_ms is None or instance.progress.is_dropped else deadline_ms + 1


class Journeys:
    """All journeys that run side by side, ready to fold customers."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        horizon_ms: int | None = DEFAULT_HORIZON_MS,
        former: Sequence[Definition] = (),
    ) -> None:
        """`former`: earlier versions of the definitions that stored states may still be of."""
        self.definitions: Final = tuple(definitions)
        self.runners: Final = tuple(Runner(definition, horizon_ms) for definition in definitions)
        self._former = {
            (one.definition.journey, one.engine.layout_id): one
            for one in (Runner(definition, horizon_ms) for definition in former)
        }
        self._max_ids = MAX_IDS if horizon_ms is not None else None

    def fold(self, customer: str, before: bytes | None, touches: Sequence[Touch], now_ms: int) -> Change:
        """The customer after these touches, looked at at `now_ms`."""
        record = decode(before) if before is not None else Record(VERSION, [])
        batch = _Batch(customer, touches, now_ms)
        aggregates: dict[str, int] = {}
        dues = [self._fold_journey(runner, record, batch, aggregates) for runner in self.runners]
        ignored = self._note_others(record, batch) if len(batch.bearing) < len(touches) else 0
        return Change(
            encode(record),
            {field: count for field, count in aggregates.items() if count},
            min((due for due in dues if due is not None), default=None),
            batch.transitions,
            len(touches) - len(batch.duplicate),
            len(batch.duplicate),
            len(batch.late),
            ignored,
        )

    def contribution(self, data: bytes) -> dict[str, int]:
        """What a stored record adds to every aggregate."""
        total: dict[str, int] = {}
        runners = {runner.definition.journey: runner for runner in self.runners}
        for journey in decode(data).journeys:
            runner = runners.get(journey.name)
            if runner is not None:
                contributor = self._folded_by(runner, journey).contributor
                for instance in journey.instances:
                    for field, count in contributor.vector(instance).items():
                        total[field] = total.get(field, 0) + count
        return total

    def _folded_by(self, runner: Runner, journey: Journey) -> Runner:
        """The runner whose definition a stored journey was folded with, as far as figures are concerned."""
        former = self._former.get((journey.name, journey.layout))
        if former is not None:
            return former
        if same_shape(journey.layout, runner.engine.layout_id):
            return runner
        raise UnknownDefinitionError(journey.name, journey.version)

    def _migrate(self, runner: Runner, journey: Journey, aggregates: dict[str, int]) -> None:
        """Make a stored journey one of the present definition."""
        old = self._folded_by(runner, journey)
        for place, instance in enumerate(journey.instances):
            after = migrate(instance, old.engine, runner.engine)
            old.contributor.change(aggregates, old.contributor.facts(instance), NOTHING)
            runner.contributor.change(aggregates, NOTHING, runner.contributor.facts(after))
            journey.instances[place] = after
        journey.layout, journey.version = runner.engine.layout_id, runner.definition.version

    def _fold_journey(self, runner: Runner, record: Record, batch: _Batch, aggregates: dict[str, int]) -> int | None:
        """Fold the batch into one journey; when the clock will change it next."""
        definition, contributor = runner.definition, runner.contributor
        journey = next((one for one in record.journeys if one.name == definition.journey), None)
        groups = runner.group(batch) if batch.touches else {}
        if journey is None:
            if not groups:
                return None
            journey = Journey(definition.journey, definition.version, runner.engine.layout_id, [])
            record.journeys.append(journey)
        elif journey.layout != runner.engine.layout_id:
            self._migrate(runner, journey, aggregates)
        due: int | None = None
        for instance in journey.instances:
            items = groups.pop(instance.key, None)
            next_ms = runner.due_ms(instance)
            if items or (next_ms is not None and batch.now_ms >= next_ms):
                before = contributor.facts(instance)
                if items:
                    batch.bearing.update(place for _, place in items)
                    runner.take(instance, items, batch)
                runner.tick(instance, batch)
                contributor.change(aggregates, before, contributor.facts(instance))
                next_ms = runner.due_ms(instance)
            due = next_ms if due is None else due if next_ms is None else min(due, next_ms)
        for key, items in groups.items():
            if len(journey.instances) >= MAX_INSTANCES:
                break
            instance = runner.engine.open(key, min(items)[0])
            journey.instances.append(instance)
            batch.bearing.update(place for _, place in items)
            runner.take(instance, items, batch)
            runner.tick(instance, batch)
            contributor.change(aggregates, NOTHING, contributor.facts(instance))
            next_ms = runner.due_ms(instance)
            due = next_ms if due is None else due if next_ms is None else min(due, next_ms)
        return due

    def _note_others(self, record: Record, batch: _Batch) -> int:
        """Count the touches that bear on no journey, each once; how many are new."""
        known = {record.other_ids[at : at + ID_BYTES] for at in range(0, len(record.other_ids), ID_BYTES)}
        new: list[bytes] = []
        for place, touch in enumerate(batch.touches):
            if place in batch.bearing:
                continue
            short = short_id(touch.event_id)
            if short in known:
                batch.duplicate.add(place)
            else:
                known.add(short)
                new.append(short)
        ids = record.other_ids + b"".join(new)
        record.other_ids = ids if self._max_ids is None else ids[-self._max_ids :]
        return len(new)
