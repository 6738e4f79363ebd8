"""The engine: one journey of one customer as a fold over the set of its touchpoints.

The set is sorted by (time, stages, event id). An entry newer than all others is one step of the fold (fast path). Any
other entry goes into the log, which is folded again on top of the base (late path). Both give equal states.
Touchpoints older than the horizon are no longer in the log; the base holds their folded progress.
`look` decides a drop-off when the timer is due, and `close_gap` in the fold where a touchpoint comes first.
It knows no records, aggregates or messages.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from zlib import crc32

from tracker.engine.fold import UNCOUNTED, begin, compile_step
from tracker.engine.funnel import Steps
from tracker.engine.instant import must_count_together, together
from tracker.engine.matcher import Matcher, bit_count, segment_coder
from tracker.journey.definition import Buckets, Definition
from tracker.records.log import ID_BYTES, Entry, Layout, latest, short_id
from tracker.records.state import Instance, Progress, decode_progress, encode
from tracker.touch import Touch

DEFAULT_HORIZON_MS: Final = 7 * 24 * 3600 * 1000
# A shorter log is left as it is: folding a few entries away takes more time than their 20 bytes each are worth.
COMPACT_FROM: Final = 24
# More touchpoints than this within the horizon come from a machine. The older half is folded away early, because a
# late touchpoint folds the whole log again.
MAX_LOG: Final = 4000
# Ids of touchpoints that are no longer in the log, kept to recognise duplicates: 32 of 12 bytes.
MAX_IDS: Final = 32 * ID_BYTES
# Pairs of channel and type whose match is remembered. Producers may send types without end, so the number is bounded.
MAX_READY: Final = 1000


_new = tuple.__new__


# 2: touchpoints at one instant count in whatever order goes furthest, and it is noted which optional steps were taken.
RULES: Final = 2


def fingerprint(definition: Definition, rules: int = RULES) -> int:
    """32 bits that identify how states are folded: the shape in the upper 20, everything else in the lower 12.

    With another shape, bits, lists and figures mean something else, and a state must be converted. With the same shape
    and another rest it only has to be folded again (`tracker/engine/migration.py`). `rules` are those of the fold
    itself; an earlier program had rules 1.
    """
    rest = (
        [(stage.touchpoints, stage.drops_after_ms, stage.optional) for stage in definition.stages],
        definition.order,
        definition.funnel,
        definition.exits,
        [segment.attribution for segment in definition.segments],
        # Only where the file has it, so that other journeys keep the fingerprint they had.
        *((definition.not_activity,) if definition.not_activity else ()),
        # How an account follows from its people; its own touchpoints do not exist.
        *((definition.accounts,) if definition.of_people is not None else ()),
        # Only where they make a difference, so that states of other journeys are not looked at anew.
        *((rules,) if rules > 1 and _depends_on_rules(definition) else ()),
    )
    return (crc32(repr(shape(definition)).encode()) & 0xFFFFF) << 12 | crc32(repr(rest).encode()) & 0xFFF


def shape(definition: Definition) -> tuple[object, ...]:
    """What gives bits, lists and figures their meaning."""
    return (
        [(stage.name, stage.goal, stage.drops_after_ms is None) for stage in definition.stages],
        [exclusion.rule for exclusion in definition.funnel.exclude],
        [(segment.name, segment.path, segment.values) for segment in definition.segments],
        definition.key,
        # Included only where the file sets them, so that journeys without them keep the fingerprint they had.
        *((definition.buckets,) if definition.buckets != Buckets() else ()),
        *(("not_activity",) if definition.not_activity else ()),
    )


def _depends_on_rules(definition: Definition) -> bool:
    """Whether rules 1 and 2 can say different things of some touchpoints."""
    funnel = definition.funnel
    if funnel.mode == "any":
        return bool(funnel.exclude or funnel.step_windows_ms)
    if funnel.mode == "strict" or definition.optional_steps:
        return True
    owned = [(place, rule) for place, stage in enumerate(definition.stages) for rule in stage.touchpoints]
    others = [*owned, *((-1, exclusion.rule) for exclusion in funnel.exclude)]
    return any(
        owner != other
        and (None in {one.channel, two.channel} or one.channel == two.channel)
        and (None in {one.type, two.type} or one.type == two.type)
        for owner, one in owned
        for other, two in others
    )


def _entries(
    matcher: Matcher, layout: Layout, definition: Definition, *, takes_all: bool
) -> Callable[[Sequence[Touch]], list[tuple[Entry, int]]]:
    """A function from touches to entries, each with its place, without those that cannot affect the journey."""
    order_of, is_passive, passive = layout.order, matcher.is_passive, matcher.passive
    # Nobody leaves a journey on the word of a browser, which anybody may have sent.
    of_browsers = Matcher(definition, exits=False) if definition.exits else matcher
    code_segments = segment_coder(definition.segments) if definition.segments else None
    # Matches that depend on trust, channel and type alone, where no condition has to be tried.
    ready: dict[tuple[bool, str, str], tuple[int, int, tuple[int, ...]]] = {}

    def try_all(touch: Touch) -> tuple[int, int, tuple[int, ...]]:
        trying = of_browsers if touch.is_browser else matcher
        bits, rule = trying.match_active(touch)
        found = bits, rule, order_of(bits)
        if len(ready) < MAX_READY and trying.ready(touch.channel, touch.type) is not None:
            ready[touch.is_browser, touch.channel, touch.type] = found
        return found

    def entries(touches: Sequence[Touch]) -> list[tuple[Entry, int]]:
        made: list[tuple[Entry, int]] = []
        for place, touch in enumerate(touches):
            is_browser = touch.is_browser
            if is_passive is not None and is_passive(touch):
                bits, rule = (of_browsers if is_browser else matcher).match_passive(touch)
                if bits == passive:
                    continue
                order = order_of(bits)
            else:
                bits, rule, order = ready.get((is_browser, touch.channel, touch.type)) or try_all(touch)
            if bits or takes_all:
                segments = code_segments(touch) if code_segments is not None else b""
                # Half the time of calling Entry, whose own constructor is a Python function.
                entry = _new(Entry, (touch.at_ms, order, short_id(touch.event_id, is_browser), bits, rule, segments))
                made.append((entry, place))
        return made

    return entries


class Engine:
    """The pure fold of one journey."""

    def __init__(self, definition: Definition, horizon_ms: int | None = DEFAULT_HORIZON_MS) -> None:
        self.definition: Final = definition
        self.horizon_ms: Final = horizon_ms
        self.layout_id: Final = fingerprint(definition)
        self.former_layout_id: Final = fingerprint(definition, rules=1)
        """The same of states that an earlier program folded with this definition."""
        count = len(definition.stages)
        self.steps: Final = Steps(definition)
        self.matcher: Final = Matcher(definition)
        self.passive: Final = self.matcher.passive
        """The bit of entries that are not the customer's activity; 0 where the journey names none."""
        self.layout: Final = Layout(count, bit_count(definition), len(definition.segments))
        self._compact_from = COMPACT_FROM * self.layout.size
        self.step: Final = compile_step(definition, self.steps)
        self._must_count_together = must_count_together(self.steps)
        self._together = together(self.steps)
        self.limits: Final = tuple(stage.drops_after_ms for stage in definition.stages)
        self.entries: Final = _entries(self.matcher, self.layout, definition, takes_all=definition.takes_all)
        """Touches as the fold sees them, each with its place; touches that cannot affect this journey are left out."""

    def entry(self, touch: Touch) -> Entry | None:
        """A touch as the fold sees it; None where it cannot affect this journey."""
        made = self.entries((touch,))
        return made[0][0] if made else None

    def fold(self, entries: Iterable[Entry], base: Progress | None = None) -> Progress | None:
        """The progress after sorted entries on top of `base`, which is changed; None where there is neither."""
        progress, step = base, self.step
        items = entries if isinstance(entries, list) else list(entries)
        place, count = 0, len(items)
        while place < count:
            at_ms, _, _, bits, _, segments = items[place]
            if progress is None:
                progress = begin(self.definition, at_ms)
            place += 1
            if place == count or items[place][0] != at_ms:
                step(progress, at_ms, bits, segments, UNCOUNTED)
                continue
            begins = place - 1
            while place < count and items[place][0] == at_ms:
                place += 1
            self._take_instant(progress, items[begins:place])
        return progress

    def _take_instant(self, progress: Progress, entries: list[Entry]) -> None:
        for place, stage in self.counted(progress, entries[0].at_ms, [entry.bits for entry in entries]):
            self.step(progress, entries[place].at_ms, entries[place].bits, entries[place].segments, stage)

    def counted(self, progress: Progress, at_ms: int, bits: list[int]) -> list[tuple[int, int]]:
        """How touchpoints of one instant, which are sorted, are to be taken in: their places in the order in which they
        count, each with its stage. Where their order is a question, the funnel takes them here, together.
        """
        if not self._must_count_together(bits):
            return [(place, UNCOUNTED) for place in range(len(bits))]
        mask = self.steps.mask
        # What matches no stage is sorted behind the rest.
        bearing = [one for one in bits if one & mask]
        happened = at_ms - progress.zero_ms
        stages = self._together(progress, happened if progress.stage < 0 else max(happened, progress.last), bearing)
        order = sorted((stage, place) for place, stage in enumerate(stages))
        return [
            *((place, stage) for stage, place in order),
            *((place, UNCOUNTED) for place in range(len(bearing), len(bits))),
        ]

    def open(self, key: str | None, entry: Entry) -> Instance:
        """A new instance that has folded nothing; `entry` is the earliest of those to be folded."""
        return Instance(key, begin(self.definition, entry.at_ms))

    # The clock.

    def deadline_ms(self, progress: Progress) -> int | None:
        """The last moment before the customer drops off; None where they cannot drop off."""
        if progress.stage < 0 or progress.exited is not None:
            return None
        limit = self.limits[progress.stage]
        return None if limit is None else progress.zero_ms + progress.last + limit

    def look(self, progress: Progress, now_ms: int) -> bool:
        """Move the clock to `now_ms`; returns whether the customer dropped off by that."""
        deadline_ms = self.deadline_ms(progress)
        if progress.is_dropped or deadline_ms is None or now_ms <= deadline_ms:
            return False
        progress.is_dropped = True
        return True

    def dropped_ms(self, progress: Progress) -> int | None:
        """When the customer last dropped off; None where they never did."""
        if progress.is_dropped and progress.exited is None:
            return self.deadline_ms(progress)
        return None if progress.dropped is None else progress.zero_ms + progress.dropped

    # The log.

    def is_newest(self, instance: Instance, entry: Entry) -> bool:
        """Whether the entry comes after all others of the instance."""
        newest_ms = self.layout.newest_ms(instance.log)
        return entry.at_ms > newest_ms or (entry.at_ms == newest_ms and entry > self.layout.newest(instance.log))

    def is_tied(self, instance: Instance, entries: Iterable[Entry]) -> bool:
        """Whether some of the entries have to be counted together with the newest of the log, at whose instant they
        are. Then they are not taken in after it: the log is folded again.
        """
        newest_ms = self.layout.newest_ms(instance.log)
        bits = [entry.bits for entry in entries if entry.at_ms == newest_ms]
        if not bits or not instance.log:
            return False
        place = self.layout.count(instance.log)
        while place and self.layout.at_ms(instance.log, place - 1) == newest_ms:
            place -= 1
        before = self.layout.unpack(instance.log[place * self.layout.size :])
        return self._must_count_together([*bits, *(entry.bits for entry in before)])

    def is_beyond(self, instance: Instance, entry: Entry) -> bool:
        """Whether the entry is too old for the log: the base may already hold touchpoints that come after it."""
        if entry.at_ms < instance.base_until_ms:
            return True
        # The horizon counts back from the newest touchpoint and not from the wall clock, so a replay decides the same.
        return self.horizon_ms is not None and entry.at_ms < self.layout.newest_ms(instance.log) - self.horizon_ms

    def append(self, instance: Instance, items: Sequence[tuple[Entry, int]]) -> None:
        """Fast path: put entries into the log that come after all others and are already folded."""
        log = instance.log + self.layout.pack_all([entry for entry, _ in items])
        instance.log = log
        if len(log) >= self._compact_from:
            self._relieve(instance)

    def insert(self, instance: Instance, entries: Sequence[Entry]) -> None:
        """Late path: sort entries within the horizon into the log, and fold it again."""
        log = self.layout.unpack(instance.log)
        log.extend(entries)
        log.sort()
        instance.log = self.layout.pack_all(log)
        self.refold(instance, log)
        if len(log) >= COMPACT_FROM:
            self._relieve(instance)

    def replace(self, instance: Instance, index: int, entry: Entry) -> None:
        """Late path: replace the entry at `index` by the version of the same touchpoint that counts."""
        size = self.layout.size
        instance.log = instance.log[: index * size] + instance.log[(index + 1) * size :]
        if self.is_beyond(instance, entry):
            self.apply_late(instance, entry)
        else:
            self.insert(instance, [entry])

    def apply_late(self, instance: Instance, entry: Entry) -> None:
        """Late path beyond the horizon: fold the entry on top of the base, in arrival order.

        What the base was folded from is gone, so the entry cannot be put where it belongs in time.
        """
        # First the base takes what the log still holds from beyond the horizon, or this entry would come before it.
        if self.horizon_ms is not None:
            self._fold_away(instance, self.layout.newest_ms(instance.log) - self.horizon_ms)
        base = decode_progress(instance.base) if instance.base is not None else None
        instance.base = encode(self.fold([entry], base))
        self._remember(instance, [entry])
        self.refold(instance, self.layout.unpack(instance.log))

    def refold(self, instance: Instance, log: Iterable[Entry]) -> None:
        """Compute the progress from base and log.

        A drop-off that was reported by the clock stays reported while its deadline is the same; a fold of touchpoints
        alone does not know it.
        """
        before = instance.progress
        progress = self.fold(log, decode_progress(instance.base) if instance.base is not None else None)
        if progress is None:
            return
        self.keep_reported(progress, self.deadline_ms(before) if before.is_dropped else None)
        instance.progress = progress

    def keep_reported(self, progress: Progress, deadline_ms: int | None) -> None:
        """Keep a drop-off that the clock reported, at this deadline, while the folded progress has the same one.

        Whether somebody dropped off before they were taken out of the journey, the fold itself knows.
        """
        if progress.exited is None:
            progress.is_dropped = deadline_ms is not None and self.deadline_ms(progress) == deadline_ms

    def _relieve(self, instance: Instance) -> None:
        """Move entries beyond the horizon into the base once they are half of the log, and cut a log above MAX_LOG.

        Half, because the log is unpacked whole each time: the cost by entry stays constant.
        """
        if self.horizon_ms is None:
            return
        count = self.layout.count(instance.log)
        cut_ms = self.layout.newest_ms(instance.log) - self.horizon_ms
        if count > MAX_LOG:
            cut_ms = max(cut_ms, self.layout.at_ms(instance.log, count - MAX_LOG // 2))
            instance.base_until_ms = cut_ms
        if self.layout.at_ms(instance.log, count // 2) < cut_ms:
            self._fold_away(instance, cut_ms)

    def _fold_away(self, instance: Instance, cut_ms: int) -> None:
        """Move entries older than `cut_ms` from the log into the base."""
        log = self.layout.unpack(instance.log)
        keep = next((place for place, entry in enumerate(log) if entry.at_ms >= cut_ms), len(log))
        if keep == 0:
            return
        base = decode_progress(instance.base) if instance.base is not None else None
        instance.base = encode(self.fold(log[:keep], base))
        instance.log = instance.log[keep * self.layout.size :]
        self._remember(instance, log[:keep])

    def _remember(self, instance: Instance, entries: Iterable[Entry]) -> None:
        ids = instance.former_ids + b"".join(entry.id for entry in entries)
        instance.former_ids = latest(ids, MAX_IDS)
