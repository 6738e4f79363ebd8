"""Instances: how touches are folded into one instance of one journey, on the fast path or the late one.

It knows duplicates, order and lateness, and reports transitions. Records are `tracker/engine/customer.py`'s.
"""

from collections.abc import Iterable
from typing import Final

from tracker.engine.batch import BEARING, DUPLICATE, LATE, Batch, Item
from tracker.engine.engine import Engine
from tracker.engine.fast_path import FastPath, compile_fast_path
from tracker.engine.fold import UNCOUNTED
from tracker.engine.matcher import as_text
from tracker.engine.transitions import Before, ProgressView, TransitionTeller, view
from tracker.figures.contribution import NOTHING, Contributor
from tracker.figures.feedback import Listener
from tracker.journey.conditions import getter
from tracker.journey.definition import Definition
from tracker.records.log import holds_id, is_browsers, twin
from tracker.records.state import Instance
from tracker.touch import Touch

MAX_KEY_LENGTH = 128
_ALONE = [UNCOUNTED]


class InstanceFold:
    """One journey with everything that is prepared for it."""

    def __init__(self, definition: Definition, horizon_ms: int | None) -> None:
        self.definition = definition
        self.engine = Engine(definition, horizon_ms)
        self.contributor = Contributor(definition)
        self.teller = TransitionTeller(definition)
        self.is_keyed = definition.key is not None
        self.is_derived = definition.of_people is not None
        """A journey of accounts: `tracker/identity/accounts.py` folds it, and here only the clock changes it."""
        self._key = getter(definition.key) if definition.key else None
        self._listener = Listener(definition.feedback) if definition.feedback else None
        self._goals = frozenset(place for place, stage in enumerate(definition.stages) if stage.goal)
        self._limits = self.engine.limits
        self._fast_path = compile_fast_path(definition, self.engine.steps, self.contributor, self.teller)
        self.made: Final = (self.engine.layout_id, definition.version)
        """What a stored journey bears that was folded by this definition. The fingerprint alone would not do: of the
        changes that keep the shape, one in 4,096 keeps it too."""
        self._first_goal = min(self._goals, default=len(definition.stages))

    def key_of(self, touch: Touch) -> str | None:
        """The key of the instance that a touch belongs to; None where it belongs to none or the journey has no key."""
        if self._key is None:
            return None
        key = as_text(self._key(touch))
        return key[:MAX_KEY_LENGTH] if key else None

    def items(self, batch: Batch) -> list[Item]:
        """The entries of a batch for a journey without a key, in arrival order."""
        items = self.engine.entries(batch.touches)
        fates = batch.fates
        for _, place in items:
            fates[place] |= BEARING
        return items

    def groups(self, batch: Batch) -> dict[str | None, list[Item]]:
        """The entries of a batch by instance, in arrival order."""
        if self.is_derived:
            return {}
        if not self.is_keyed:
            items = self.items(batch)
            return {None: items} if items else {}
        groups: dict[str | None, list[Item]] = {}
        for place, touch in enumerate(batch.touches):
            key = self.key_of(touch)
            entry = self.engine.entry(touch) if key is not None else None
            if entry is not None:
                groups.setdefault(key, []).append((entry, place))
        return groups

    def fold(self, instance: Instance, items: list[Item] | None, batch: Batch) -> int | None:
        """Fold touches into one instance and move its clock; returns the next moment at which the clock changes it."""
        if items:
            if self.is_keyed:
                for _, place in items:
                    batch.fates[place] |= BEARING
                if instance.by_browsers and not are_browsers(items):
                    instance.by_browsers = False
            self._take(instance, items, batch)
        due_ms = self.due_ms(instance)
        if due_ms is None or batch.now_ms < due_ms:
            return due_ms
        self._drop(instance, due_ms, batch)
        return None

    def _take(self, instance: Instance, items: list[Item], batch: Batch) -> None:
        """Fold the touches of one batch into an instance, on the cheapest way that is exact for them."""
        are_newest = self._are_newest(instance, items)
        if are_newest and self._fast_path is not None:
            self._advance_plainly(instance, items, batch, self._fast_path)
            self.engine.append(instance, items)
            return
        before = self.contributor.facts_before(instance)
        if self._listener is not None:
            passive = self.engine.passive
            heard = [batch.touches[place] for entry, place in items if not entry.bits & passive]
            instance.feedback = self._listener.hear(instance.feedback, heard)
        if are_newest:
            self._advance(instance, items, batch)
            self.engine.append(instance, items)
        elif len(items) == 1:
            self._take_sorted(instance, items, batch)
        elif self._is_order_free(instance, items):
            items.sort()
            self._take_sorted(instance, items, batch)
        else:
            for item in items:
                self._take_sorted(instance, [item], batch)
        self.contributor.change(batch.tally, before, self.contributor.facts(instance))

    def due_ms(self, instance: Instance) -> int | None:
        """The next moment at which the clock changes an instance."""
        progress = instance.progress
        stage = progress.stage
        if stage < 0 or progress.is_dropped or progress.exited is not None:
            return None
        limit = self._limits[stage]
        return None if limit is None else progress.zero_ms + progress.last + limit + 1

    def _drop(self, instance: Instance, due_ms: int, batch: Batch) -> None:
        """Drop the customer off by the clock, and report it."""
        before, progress = self.contributor.facts_before(instance), instance.progress
        progress.is_dropped = True
        batch.transitions.append(self.teller.dropped(batch.customer, instance.key, progress, due_ms - 1))
        self.contributor.change(batch.tally, before, self.contributor.facts(instance))

    def _are_newest(self, instance: Instance, items: list[Item]) -> bool:
        """Whether all are new, sort after all others and came in order: the usual case, found by a look at each.

        May say no where the answer is yes (two at one instant, an id found across a border of entries): the slow way is
        right for every case, only slower.
        """
        log, former = instance.log, instance.former_ids
        newest_ms = self.engine.layout.newest_ms(log)
        for (at_ms, _, short, _, _, _), _ in items:
            # Twins differ in the last byte, so one search for the others finds both.
            most = short[:-1]
            if at_ms <= newest_ms or ((most in log or most in former) and _is_either_in(short, log, former)):
                return False
            newest_ms = at_ms
        return len(items) == 1 or len({item[0][2][:-1] for item in items}) == len(items) or _are_all_different(items)

    def _is_order_free(self, instance: Instance, items: list[Item]) -> bool:
        """Whether nothing in the batch can end up beyond the horizon.

        Only there does arrival order matter; else the batch may be sorted and folded at once.
        """
        horizon_ms = self.engine.horizon_ms
        if horizon_ms is None:
            return True
        times = [entry.at_ms for entry, _ in items]
        newest_ms = max(*times, self.engine.layout.newest_ms(instance.log))
        return newest_ms - min(times) <= horizon_ms and min(times) >= instance.base_until_ms

    def _take_sorted(self, instance: Instance, items: list[Item], batch: Batch) -> None:
        """Fold sorted touches: those beyond the horizon, then those that belong into the log, then the newest."""
        engine = self.engine
        older: list[Item] = []
        newer: list[Item] = []
        new = self._new_ones(instance, items, batch)
        # Those at the instant of the newest one may have to be counted with it, whatever their order.
        tied_ms = engine.layout.newest_ms(instance.log) if engine.is_tied(instance, [one for one, _ in new]) else -1
        for place, item in enumerate(new):
            if item[0].at_ms != tied_ms and engine.is_newest(instance, item[0]):
                newer = new[place:]
                break
            if engine.is_beyond(instance, item[0]):
                batch.fates[item[1]] |= LATE
                before = view(instance.progress)
                engine.apply_late(instance, item[0])
                self._tell_corrected(instance, before, item, batch)
            else:
                older.append(item)
        if older:
            before = view(instance.progress)
            engine.insert(instance, [entry for entry, _ in older])
            self._tell_corrected(instance, before, older[0], batch)
        if newer:
            self._advance(instance, newer, batch)
            self.engine.append(instance, newer)

    def _advance_plainly(self, instance: Instance, newer: list[Item], batch: Batch, plain: FastPath) -> None:
        """Fast path: plain touches in one loop, each of the others the general way."""
        place = plain(instance, newer, 0, batch)
        while place < len(newer):
            before = NOTHING if instance.progress.stage < 0 else self.contributor.facts_before(instance)
            self._step_all(instance, [newer[place]], _ALONE, batch)
            self.contributor.change(batch.tally, before, self.contributor.facts(instance))
            place = plain(instance, newer, place + 1, batch)

    def _advance(self, instance: Instance, newer: list[Item], batch: Batch) -> None:
        """The general way for touches that come after all others; those of one instant may count together."""
        if len(newer) == 1:
            self._step_all(instance, newer, _ALONE, batch)
            return
        begins, times = 0, [entry.at_ms for entry, _ in newer]
        if len(set(times)) == len(times):
            self._step_all(instance, newer, [UNCOUNTED] * len(newer), batch)
            return
        while begins < len(newer):
            ends = begins + 1
            while ends < len(newer) and times[ends] == times[begins]:
                ends += 1
            together = newer[begins:ends]
            order = self.engine.counted(instance.progress, times[begins], [entry.bits for entry, _ in together])
            self._step_all(instance, [together[place] for place, _ in order], [stage for _, stage in order], batch)
            begins = ends

    def _step_all(self, instance: Instance, newer: list[Item], counted: list[int], batch: Batch) -> None:
        """Take touches in one after another; `counted` has the stages of those that the funnel has taken already."""
        step, goals, progress = self.engine.step, self._goals, instance.progress
        completed = progress.furthest >= self._first_goal and self.teller.has_completed(progress)
        for ((at_ms, _, _, bits, rule, segments), place), given in zip(newer, counted, strict=True):
            was, exited, was_dropped = progress.stage, progress.exited, progress.is_dropped
            recovered = progress.recovered
            stage = step(progress, at_ms, bits, segments, given)
            completes = not completed and stage in goals
            if was_dropped or completes or progress.exited != exited or progress.recovered != recovered or was < 0:
                if stage < 0 and was < 0:
                    continue
                before = Before(was, was_dropped, exited, recovered, completed)
                touch = batch.touches[place]
                reported = self.teller.step(batch.customer, instance.key, before, progress, touch, rule)
                batch.transitions += reported
                completed = completed or completes
                if was_dropped:
                    instance.corrections += sum(one.kind == "corrected" for one in reported)
            elif progress.stage != was:
                batch.transitions.append(
                    self.teller.move(
                        batch.customer, instance.key, was, progress.stage, progress, batch.touches[place], rule
                    )
                )

    def _new_ones(self, instance: Instance, items: list[Item], batch: Batch) -> list[Item]:
        """The items that are no duplicates. A version of a known touchpoint replaces it where it sorts before it, or
        where a server's meets a browser's.
        """
        layout, log, former = self.engine.layout, instance.log, instance.former_ids
        # A look-up in the log is a scan. From nine items on, building a set costs less.
        ids = {entry.id for entry in layout.unpack(log)} if len(items) > 8 and log else None
        if not log and not former and _are_all_different(items):
            return items
        seen: set[bytes] = set()
        came: set[bytes] | None = None
        new: list[Item] = []
        for item in items:
            short = item[0].id
            if short in seen:
                batch.fates[item[1]] |= DUPLICATE
                continue
            seen.add(short)
            if (short in ids) if ids is not None else (short in log and layout.find(log, short) >= 0):
                batch.fates[item[1]] |= DUPLICATE
                self._take_version(instance, item, batch)
                continue
            if former and holds_id(former, short):
                batch.fates[item[1]] |= DUPLICATE
                continue
            other = twin(short)
            if is_browsers(short):
                if came is None:
                    came = {entry.id for entry, _ in items}
                if other in came or layout.find(log, other) >= 0 or holds_id(former, other):
                    batch.fates[item[1]] |= DUPLICATE
                    continue
            elif other in log and layout.find(log, other) >= 0:
                batch.fates[item[1]] |= DUPLICATE
                self._replace(instance, layout.find(instance.log, other), item, batch)
                continue
            new.append(item)
        return new

    def _take_version(self, instance: Instance, item: Item, batch: Batch) -> None:
        """Of two touchpoints with one id the one that sorts first counts, so that arrival order does not matter."""
        layout, entry = self.engine.layout, item[0]
        index = layout.find(instance.log, entry.id)
        if index < 0 or self.engine.is_beyond(instance, entry):
            return
        if entry < layout.unpack(instance.log[index * layout.size : (index + 1) * layout.size])[0]:
            self._replace(instance, index, item, batch)

    def _replace(self, instance: Instance, index: int, item: Item, batch: Batch) -> None:
        before = view(instance.progress)
        self.engine.replace(instance, index, item[0])
        self._tell_corrected(instance, before, item, batch)

    def _tell_corrected(self, instance: Instance, before: ProgressView, item: Item, batch: Batch) -> None:
        if view(instance.progress) != before:
            entry, place = item
            instance.corrections += 1
            batch.transitions.append(
                self.teller.corrected(
                    batch.customer, instance.key, before, instance.progress, batch.touches[place], entry.rule
                )
            )


def are_browsers(items: Iterable[Item]) -> bool:
    """Whether browsers sent all of them."""
    return all(is_browsers(entry.id) for entry, _ in items)


def _is_either_in(short: bytes, log: bytes, former: bytes) -> bool:
    """Whether a short id or its twin may be in one of them."""
    other = twin(short)
    return short in log or short in former or other in log or other in former


def _are_all_different(items: list[Item]) -> bool:
    """Whether no touchpoint is there twice, or in a browser's and in a server's version."""
    shorts, count = [item[0][2] for item in items], len(items)
    return len(set(shorts)) == count == len({twin(short) if is_browsers(short) else short for short in shorts})
