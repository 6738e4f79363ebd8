"""Histories: the touchpoints of a record as a set that can be divided and merged, with the state that follows.

An alias brings a part of the log to a customer, and takes it away again. Both sides are folded again, so both are as if
the touchpoints had always been there. Touchpoints older than the log exist only in the base, which cannot be divided:
it stays with the record's own name. In another record it becomes one touchpoint for each stage that it has reached.
It knows records; `tracker/identity/linking.py` decides whose they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final

import msgspec

from schemas.transition import Transition
from tracker.engine.customer import MAX_INSTANCES, CustomerFold, weakest
from tracker.engine.engine import MAX_IDS, Engine
from tracker.engine.fold import UNCOUNTED, begin
from tracker.engine.instances import InstanceFold
from tracker.engine.matcher import bit_count
from tracker.engine.transitions import ProgressView, view
from tracker.figures.feedback import join
from tracker.records.log import ID_BYTES, NO_RULE, Entry, counting, is_browsers, latest, twin
from tracker.records.state import FIRST_VALUE, VERSION, Instance, Journey, Record, decode_progress, encode

Views = Mapping[tuple[str, str | None], ProgressView]
"""What has been reported, by journey and instance."""
LARGEST: Final = 1 << 48
"""Above all times and counts of a progress; sums of many stay far below what msgpack holds."""


def short_ids(ids: bytes) -> set[bytes]:
    """The short ids in a string of them."""
    return {ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)}


class Histories:
    """Divides and merges records of some journeys. Records are changed in place."""

    def __init__(self, journeys: CustomerFold) -> None:
        self._journeys = journeys
        self._instance_folds: Final[Mapping[str, InstanceFold]] = {
            one.definition.journey: one for one in journeys.instance_folds
        }

    def ids(self, record: Record) -> set[bytes]:
        """The short ids of all touchpoints in the record's logs."""
        return {
            entry.id
            for instance_fold, one in self._instances(record)
            for entry in instance_fold.engine.layout.unpack(one.log)
        }

    def is_beyond(self, record: Record, at_ms: int) -> bool:
        """Whether the fold would treat a touchpoint as late although the log still holds the record's whole past."""
        return any(
            at_ms < instance_fold.engine.layout.newest_ms(one.log) - instance_fold.engine.horizon_ms
            for instance_fold, one in self._instances(record)
            if one.base is None and instance_fold.engine.horizon_ms is not None
        )

    def views(self, record: Record) -> Views:
        """What has been reported of a record."""
        return {
            (instance_fold.definition.journey, one.key): view(one.progress)
            for instance_fold, one in self._instances(record)
        }

    def corrections(self, customer: str, record: Record, before: Views, now_ms: int) -> list[Transition]:
        """The corrections where what was reported no longer holds; the record counts them."""
        transitions = []
        for instance_fold, instance in self._instances(record):
            was = before.get((instance_fold.definition.journey, instance.key))
            if was is not None and was != view(instance.progress):
                instance.corrections += 1
                transitions.append(
                    instance_fold.teller.regrouped(customer, instance.key, was, instance.progress, now_ms)
                )
        return transitions

    def try_on(self, record: Record) -> None:
        """Look at every instance, count it, and go on from it with touchpoints; raises whatever that raises."""
        self.views(record)
        for instance_fold, one in self._instances(record):
            engine = instance_fold.engine
            _look_at(engine, engine.layout.unpack(one.log))
            for data in (encode(one.progress), one.base):
                if data is not None:
                    _try_on(engine, data)
                    instance_fold.contributor.vector(Instance(one.key, decode_progress(data), feedback=one.feedback))

    def _instances(self, record: Record) -> Iterator[tuple[InstanceFold, Instance]]:
        for journey in record.journeys:
            instance_fold = self._instance_folds.get(journey.name)
            if instance_fold is not None:
                yield from ((instance_fold, instance) for instance in journey.instances)

    def extract(self, record: Record, ids: AbstractSet[bytes]) -> Record:
        """Take these touchpoints out of the record and return them as a history; the base stays."""
        return self._divide(record, ids, own=False)

    def extract_own(self, record: Record, ids: AbstractSet[bytes]) -> Record:
        """Take all but these touchpoints out of the record and return them as a history, with the base."""
        return self._divide(record, ids, own=True)

    def merge(self, record: Record, history: Record) -> set[bytes]:
        """Merge `history` into the record; returns the ids of the touchpoints that are new in it.

        Merging the same history twice changes nothing, since messages may come twice.
        """
        new: set[bytes] = set()
        self._journeys.modernise(history)
        self._journeys.modernise(record)
        for journey in history.journeys:
            instance_fold = self._instance_folds.get(journey.name)
            if instance_fold is None:
                # A journey that is no longer declared adds to no figure, so it is left out.
                continue
            target = next((one for one in record.journeys if one.name == journey.name), None)
            if target is None:
                target = Journey(journey.name, journey.version, journey.layout, [])
                record.journeys.append(target)
            for instance in journey.instances:
                new |= _merge(instance_fold.engine, target, instance)
        return new

    def _divide(self, record: Record, ids: AbstractSet[bytes], *, own: bool) -> Record:
        history = Record(VERSION, [])
        stays: list[Journey] = []
        self._journeys.modernise(record)
        for journey in record.journeys:
            instance_fold = self._instance_folds.get(journey.name)
            if instance_fold is None:
                (history.journeys if own else stays).append(journey)
                continue
            goes = Journey(journey.name, journey.version, journey.layout, [])
            rest: list[Instance] = []
            for instance in journey.instances:
                one, other = _divide(instance_fold.engine, instance, ids, own=own)
                goes.instances += [one] if one else []
                rest += [other] if other else []
            journey.instances = rest
            if goes.instances:
                history.journeys.append(goes)
            if rest:
                stays.append(journey)
        record.journeys = stays
        return history


def _divide(
    engine: Engine, instance: Instance, ids: AbstractSet[bytes], *, own: bool
) -> tuple[Instance | None, Instance | None]:
    """The part that goes and the part that stays. `own`: the ids stay and the base goes; else the other way round."""
    entries = engine.layout.unpack(instance.log)
    goes = [entry for entry in entries if (entry.id in ids) != own]
    if not goes and not (own and instance.base is not None):
        # Nothing goes, so answers to surveys and corrections stay too: they are with the part that has the base.
        return None, instance
    if len(goes) == len(entries) and (own or instance.base is None):
        return instance, None
    stays = [entry for entry in entries if (entry.id in ids) == own]
    mine, theirs = (goes, stays) if own else (stays, goes)
    keeps = _part(engine, instance, mine, with_base=True)
    other = _part(engine, instance, theirs, with_base=False)
    return (keeps, other) if own else (other, keeps)


def _part(engine: Engine, instance: Instance, entries: list[Entry], *, with_base: bool) -> Instance | None:
    """An instance with these entries of another one; None where it would be empty."""
    base = instance.base if with_base else None
    if not entries and base is None:
        return None
    made = Instance(
        instance.key,
        begin(engine.definition, entries[0].at_ms if entries else instance.progress.zero_ms),
        engine.layout.pack_all(entries),
        base,
        instance.base_until_ms if with_base else 0,
        instance.former_ids if with_base else b"",
        instance.corrections if with_base else 0,
        instance.feedback if with_base else (),
        instance.by_browsers
        or (base is None and instance.key is not None and all(is_browsers(one.id) for one in entries)),
        instance.cohorts_from,
    )
    _refold(engine, made, entries, instance)
    return made


def _merge(engine: Engine, target: Journey, history: Instance) -> set[bytes]:
    """Merge one instance into a journey; returns the ids of its touchpoints that are new there."""
    layout = engine.layout
    instance = next((one for one in target.instances if one.key == history.key), None)
    theirs = {entry.id: entry for entry in layout.unpack(history.log)}
    if instance is None:
        place = weakest(target.instances) if len(target.instances) >= MAX_INSTANCES else None
        if place is not None and not history.by_browsers:
            del target.instances[place]
        if len(target.instances) < MAX_INSTANCES:
            target.instances.append(history)
        return set(theirs)
    mine = {entry.id: entry for entry in layout.unpack(instance.log)}
    known = short_ids(instance.former_ids)
    # Of two versions of a touchpoint the one that sorts first counts, and a server's before a browser's, as in the
    # engine.
    union = mine | {short: min(entry, mine.get(short, entry)) for short, entry in theirs.items() if short not in known}
    if history.base is not None:
        # Real touchpoints replace landmarks with the same id, never the other way round.
        union = {entry.id: entry for entry in _landmarks(engine, history.base)} | union
    instance.former_ids = latest(history.former_ids + instance.former_ids, MAX_IDS)
    instance.feedback = join(instance.feedback, history.feedback)
    instance.by_browsers = instance.by_browsers and history.by_browsers
    instance.cohorts_from = min(instance.cohorts_from, history.cohorts_from)
    # A maximum and no sum, because the same history may come twice.
    instance.corrections = max(instance.corrections, history.corrections)
    entries = sorted(counting(union.values(), known | short_ids(history.former_ids)))
    instance.log = layout.pack_all(entries)
    _refold(engine, instance, entries, instance)
    return {entry.id for entry in entries if entry.id in theirs} - set(mine)


def _refold(engine: Engine, instance: Instance, entries: list[Entry], before: Instance) -> None:
    """Fold base and entries; a drop-off that was reported stays reported while its deadline is the same."""
    reported = before.progress
    base = decode_progress(instance.base) if instance.base is not None else None
    progress = engine.fold(entries, base) or begin(engine.definition, reported.zero_ms)
    engine.keep_reported(progress, engine.deadline_ms(reported) if reported.is_dropped else None)
    instance.progress = progress


def _look_at(engine: Engine, entries: Iterable[Entry]) -> None:
    definition = engine.definition
    bits, stages = bit_count(definition), (1 << len(definition.stages)) - 1
    codes = [FIRST_VALUE + len(segment.values) for segment in definition.segments]
    for entry in entries:
        if entry.bits >> bits or any(code >= most for code, most in zip(entry.segments, codes, strict=False)):
            raise ValueError("a touchpoint with stages or segments that the journey does not have")
        if entry.bits & engine.passive and entry.bits & stages:
            raise ValueError("a touchpoint with a stage that is not the customer's activity")


def _try_on(engine: Engine, data: bytes) -> None:
    progress, definition = decode_progress(data), engine.definition
    count, others = len(definition.stages), 1 + len(definition.funnel.exclude)
    lists = (progress.first, progress.visits, progress.spent, progress.gaps or progress.first)
    if any(len(each) != count for each in lists) or len(progress.segments) != len(definition.segments):
        raise ValueError("its lists are of other stages and segments")
    furthest = max((stage for stage, at in enumerate(progress.first) if at is not None), default=-1)
    if progress.furthest != furthest or not -1 <= progress.stage <= furthest or (progress.stage < 0) != (furthest < 0):
        raise ValueError("its stages contradict each other")
    if not 0 <= progress.taken < 1 << count:
        raise ValueError("it took steps that the journey does not have")
    # The steps taken are bits and no number.
    for field in msgspec.structs.astuple(msgspec.structs.replace(progress, taken=0)):
        numbers = field if isinstance(field, list) else [field]
        if not all(each is None or abs(each) < LARGEST for each in numbers):
            raise ValueError("a number of no journey")
    # One of the last stage alone, one of all stages at once, one of none that is an exit and every exclusion, and the
    # same as what is not the customer's activity.
    ends = (1 << others) - 1 << count
    for bits in (1 << count - 1, (1 << count) - 1, ends, ends | engine.passive):
        engine.step(
            decode_progress(data), progress.zero_ms + progress.last, bits, bytes(len(definition.segments)), UNCOUNTED
        )


def _landmarks(engine: Engine, base: bytes) -> Iterable[Entry]:
    """A base as touchpoints: one for each stage that it has reached, at the first time.

    Their ids are made of stage and time, so the same base merged twice gives the same touchpoints.
    """
    progress = decode_progress(base)
    for stage, at in enumerate(progress.first):
        if at is None:
            continue
        at_ms, bits = progress.zero_ms + at, 1 << stage
        short = blake2b(f"{stage}@{at_ms}".encode(), digest_size=ID_BYTES).digest()
        short = twin(short) if is_browsers(short) else short
        yield Entry(at_ms, engine.layout.order(bits), short, bits, NO_RULE, bytes(progress.segments))
