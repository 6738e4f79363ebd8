"""A customer: all journeys and instances in one record, folded a batch at a time.

The planner calls it. It turns bytes and touches into bytes, differences of aggregates, transitions and the next moment
at which the clock changes something. It knows no partition, no store and no clock.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from schemas.routed import Trace
from schemas.transition import Transition
from tracker.engine.batch import BEARING, DUPLICATE, LATE, Batch, Item
from tracker.engine.canaries import CANARY
from tracker.engine.engine import DEFAULT_HORIZON_MS, MAX_IDS
from tracker.engine.instances import InstanceFold, are_browsers
from tracker.engine.migration import UnknownDefinitionError, migrate, same_shape
from tracker.engine.people import refolded
from tracker.figures.contribution import NOTHING
from tracker.figures.tally import Tally, written
from tracker.journey.definition import Definition
from tracker.records.account_links import read as read_account_links
from tracker.records.log import ID_BYTES, latest, short_id, twin
from tracker.records.state import VERSION, Instance, Journey, Record, decode, encode
from tracker.records.timer import DAY_MS, look_at_ms
from tracker.touch import Touch

# A customer with more orders than this is a reseller or a machine. No further instances begin, and their touchpoints
# are ignored: each instance is in the record, which is read and written whole. Only what browsers alone have sent gives
# way: without that, anybody could fill a customer's record before the shop does.
MAX_INSTANCES: Final = 500
DEFAULT_COHORT_DAYS: Final = 400
"""A year, for comparisons with the same day of the last one, and a month."""


class Change(msgspec.Struct, gc=False):
    """What a fold did to one customer."""

    after: bytes
    aggregates: dict[str, int]
    """Field → difference; fields that stay the same are left out."""
    due_ms: int | None
    """The next moment at which the clock alone changes this record; None: never."""
    arm_ms: int | None
    """The moment of a new timer; None where one is already set for `due_ms` or earlier. A timer that fires early is set
    again by the fold that it causes, so most touchpoints write no timer."""
    transitions: list[Transition]
    applied: int = 0
    """Touchpoints that counted for the first time, whether or not they bear on a journey."""
    duplicate: int = 0
    late: int = 0
    """Of the applied ones: those older than the lateness horizon, which were folded on top of the base."""
    ignored: int = 0
    """Of the applied ones: those that bear on no journey."""
    refused: int = 0
    """Instances beyond the most that a customer may have: those that did not begin, and those that gave way."""


class CustomerFold:
    """All journeys that run side by side, ready to fold customers."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        horizon_ms: int | None = DEFAULT_HORIZON_MS,
        former: Sequence[Definition] = (),
        cohort_days: int = DEFAULT_COHORT_DAYS,
    ) -> None:
        """`former`: earlier versions of the definitions, with which stored states may still have been folded.

        `cohort_days`: who began so many days before they were first received has no cohort day of their own.
        """
        self._cohort_days: Final = cohort_days
        self.definitions: Final = tuple(definitions)
        self.instance_folds: Final = tuple(InstanceFold(definition, horizon_ms) for definition in definitions)
        self._by_journey = {one.definition.journey: one for one in self.instance_folds}
        formers = [InstanceFold(definition, horizon_ms) for definition in former]
        self._former = {
            (one.definition.journey, layout_id): one
            for one in formers
            for layout_id in (one.engine.former_layout_id, one.engine.layout_id)
        }
        self._former_made = {(one.definition.journey, *one.made): one for one in formers}
        self._max_ids = MAX_IDS if horizon_ms is not None else None

    def fold(
        self, customer: str, before: bytes | None, touches: Sequence[Touch], now_ms: int, tally: Tally | None = None
    ) -> Change:
        """The customer after these touches, with the clock at `now_ms`.

        The folds of one batch may share a tally. Then the differences are counted there, and the change holds none.
        Raises UnreadableStateError and UnknownDefinitionError.
        """
        record = decode(before) if before is not None else Record(VERSION, [])
        batch = Batch(customer, touches, now_ms, {} if tally is None else tally)
        due_ms: int | None = None
        for instance_fold in () if customer.startswith(CANARY) else self.instance_folds:
            next_ms = self._fold_journey(instance_fold, record, batch)
            if next_ms is not None and (due_ms is None or next_ms < due_ms):
                due_ms = next_ms
        ignored = duplicate = late = 0
        if batch.fates.count(BEARING) != len(touches):
            ignored = self._note_others(record, batch)
            fates = list(batch.fates)
            duplicate = sum(fate & DUPLICATE > 0 for fate in fates)
            late = sum(fate & LATE > 0 for fate in fates)
        arm_ms = _arm(record, due_ms, now_ms)
        return Change(
            encode(record),
            written(batch.tally) if tally is None else {},
            due_ms,
            arm_ms,
            batch.transitions,
            len(touches) - duplicate,
            duplicate,
            late,
            ignored,
            batch.refused,
        )

    def cohorts_from(self, received_ms: int) -> int:
        """The first cohort day of what is received then; 0 where nobody says when."""
        return max(received_ms // DAY_MS - self._cohort_days, 0)

    def contribution(self, data: bytes) -> dict[str, int]:
        """What a stored record adds to every aggregate."""
        total: dict[str, int] = {}
        for journey in decode(data).journeys:
            instance_fold = self._by_journey.get(journey.name)
            if instance_fold is not None:
                folded_by: InstanceFold | None = self._folded_by(instance_fold, journey)
            else:
                # A journey of accounts that is no longer declared is still in the figures.
                folded_by = self._former.get((journey.name, journey.layout))
            if folded_by is None:
                continue
            for instance in journey.instances:
                for field, count in folded_by.contributor.vector(instance).items():
                    total[field] = total.get(field, 0) + count
        return total

    def _folded_by(self, instance_fold: InstanceFold, journey: Journey) -> InstanceFold:
        """The instance fold whose definition a stored journey was folded with, as far as figures are concerned."""
        if (journey.layout, journey.version) == instance_fold.made:
            return instance_fold
        name, layout = journey.name, journey.layout
        former = self._former_made.get((name, layout, journey.version)) or self._former.get((name, layout))
        if former is not None:
            return former
        if same_shape(journey.layout, instance_fold.engine.layout_id):
            return instance_fold
        raise UnknownDefinitionError(journey.name, journey.version)

    def outdated(self, record: Record) -> list[str]:
        """The journeys of a stored record that were folded with another definition than the present one.

        Raises UnknownDefinitionError where that is not at hand.
        """
        found = []
        for journey in record.journeys:
            instance_fold = self._by_journey.get(journey.name)
            if instance_fold is not None and (journey.layout, journey.version) != instance_fold.made:
                self._folded_by(instance_fold, journey)
                found.append(journey.name)
        return found

    def unknown(self, record: Record) -> list[str]:
        """The declared journeys of a stored record that were folded with a definition that is not at hand."""
        found = []
        for journey in record.journeys:
            instance_fold = self._by_journey.get(journey.name)
            try:
                if instance_fold is not None:
                    self._folded_by(instance_fold, journey)
            except UnknownDefinitionError:
                found.append(journey.name)
        return found

    def modernise(self, record: Record, but: Collection[str] = ()) -> bool:
        """Migrate the stored journeys of other definitions to the present ones, but not the figures; whether there were
        any. `but`: journeys that stay as they are. Raises UnknownDefinitionError.
        """
        is_changed = False
        for journey in record.journeys:
            instance_fold = self._by_journey.get(journey.name)
            if instance_fold is None or journey.name in but:
                continue
            if (journey.layout, journey.version) != instance_fold.made:
                self._migrate(instance_fold, journey, record, {})
                is_changed = True
        return is_changed

    def _migrate(self, instance_fold: InstanceFold, journey: Journey, record: Record, tally: Tally) -> None:
        """Migrate a stored journey to the present definition, and count in the tally what that changes."""
        old = self._folded_by(instance_fold, journey)
        people = _people(instance_fold, record)
        # Of this very definition, but folded by other rules: what is open stays open.
        is_same = journey.layout == instance_fold.engine.former_layout_id
        for place, instance in enumerate(journey.instances):
            after = refolded(instance, old.engine, instance_fold.engine, people) if people else None
            after = after or migrate(instance, old.engine, instance_fold.engine, keeps_chains=is_same)
            old.contributor.change(tally, old.contributor.facts(instance), NOTHING)
            instance_fold.contributor.change(tally, NOTHING, instance_fold.contributor.facts(after))
            journey.instances[place] = after
        journey.layout, journey.version = instance_fold.made

    def _fold_journey(self, instance_fold: InstanceFold, record: Record, batch: Batch) -> int | None:
        """Fold the batch into one journey; returns the next moment at which the clock changes it."""
        journey = _journey_of(record, instance_fold.definition.journey)
        groups = instance_fold.groups(batch)
        if journey is None:
            if not groups:
                return None
            journey = Journey(
                instance_fold.definition.journey, instance_fold.definition.version, instance_fold.engine.layout_id, []
            )
            record.journeys.append(journey)
        elif (journey.layout, journey.version) != instance_fold.made:
            self._migrate(instance_fold, journey, record, batch.tally)
        due_ms: int | None = None
        for instance in journey.instances:
            next_ms = instance_fold.fold(instance, groups.pop(instance.key, None) if groups else None, batch)
            if next_ms is not None and (due_ms is None or next_ms < due_ms):
                due_ms = next_ms
        for key, items in groups.items():
            if len(journey.instances) >= MAX_INSTANCES:
                batch.refused += 1
                if not _give_way(instance_fold, journey, items, batch):
                    continue
            instance = instance_fold.engine.open(
                key, min([entry for entry, _ in items]) if len(items) > 1 else items[0][0]
            )
            instance.by_browsers = instance_fold.is_keyed and are_browsers(items)
            instance.cohorts_from = self._first_day(items[0], batch)
            journey.instances.append(instance)
            next_ms = instance_fold.fold(instance, items, batch)
            if next_ms is not None and (due_ms is None or next_ms < due_ms):
                due_ms = next_ms
        return due_ms

    def _first_day(self, first: Item, batch: Batch) -> int:
        """The first cohort day of a new instance, by when the touch that came first was received, not by when it is
        folded: a rebuild finds the same, however it cuts its batches. A broker's time may be wrong; it is at most the
        present moment.
        """
        return self.cohorts_from(min(batch.touches[first[1]].received_ms, batch.now_ms))

    def _note_others(self, record: Record, batch: Batch) -> int:
        """Remember the ids of touches that bear on no journey, so that each counts once; returns how many are new."""
        if all(fate & BEARING for fate in list(batch.fates)):
            return 0
        ids = record.other_ids
        known = set(_each(ids))
        new = 0
        for place, touch in enumerate(batch.touches):
            if batch.fates[place] & BEARING:
                continue
            short = short_id(touch.event_id, touch.is_browser)
            other = twin(short)
            if short in known or (touch.is_browser and other in known):
                batch.fates[place] |= DUPLICATE
                continue
            if other in known:
                # A server's version takes the place of a browser's.
                batch.fates[place] |= DUPLICATE
                ids = b"".join([short if each == other else each for each in _each(ids)])
                known.remove(other)
            else:
                ids += short
                new += 1
            known.add(short)
        record.other_ids = ids if self._max_ids is None else latest(ids, self._max_ids)
        return new


def _give_way(instance_fold: InstanceFold, journey: Journey, items: Sequence[Item], batch: Batch) -> bool:
    """Remove an instance for a new one of these touches, where there is one of browsers and a server sent a touch."""
    place = None if are_browsers(items) else weakest(journey.instances)
    if place is None:
        return False
    gone = journey.instances.pop(place)
    instance_fold.contributor.change(batch.tally, instance_fold.contributor.facts(gone), NOTHING)
    return True


def weakest(instances: Sequence[Instance]) -> int | None:
    """The place of the instance that gives way first: of those of browsers alone the one that began last."""
    places = [place for place, one in enumerate(instances) if one.by_browsers]
    return max(places, key=lambda place: (instances[place].progress.zero_ms, instances[place].key or ""), default=None)


def _each(ids: bytes) -> list[bytes]:
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]


def _arm(record: Record, due_ms: int | None, now_ms: int) -> int | None:
    """The moment of a new timer, noted in the record; None where the one already set is early enough.

    A customer who keeps coming moves `due_ms` later with each touchpoint. The timer that is set stays: moving it would
    cost a write for each touchpoint, firing early costs one fold for each timer.
    """
    if record.look_ms is not None and record.look_ms <= now_ms:
        record.look_ms = None
    if due_ms is None or (record.look_ms is not None and record.look_ms <= due_ms):
        return None
    record.look_ms = look_at_ms(due_ms, now_ms)
    return record.look_ms


def _people(instance_fold: InstanceFold, record: Record) -> list[Trace]:
    """What an account's people reported of their journeys; none where the journey is not one of accounts."""
    of_people = instance_fold.definition.of_people
    if of_people is None:
        return []
    return [one.trace for one in read_account_links(record.account_links).members.get(of_people, {}).values()]


def _journey_of(record: Record, name: str) -> Journey | None:
    for journey in record.journeys:
        if journey.name == name:
            return journey
    return None
