"""The engine: one journey of one customer as a fold over the set of its touchpoints.

The set is sorted by (time, stages, event id). An entry newer than all others is one step; any other folds the log
over the base again. Both give equal states. What lies beyond the horizon lives on in the base alone.
It knows no records, aggregates or messages.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from zlib import crc32

from tracker.engine.fold import begin, compile_step
from tracker.engine.funnel import Steps
from tracker.engine.matcher import Matcher, segment_coder
from tracker.journey.definition import Buckets, Definition
from tracker.records.log import ID_BYTES, Entry, Layout, short_id
from tracker.records.state import Instance, Progress, decode_progress, encode
from tracker.touch import Touch

DEFAULT_HORIZON_MS: Final = 7 * 24 * 3600 * 1000
# A shorter log is left as it is: folding a few entries away costs more time than their 20 bytes each cost memory.
COMPACT_FROM: Final = 24
# More touchpoints than this within the horizon come from a machine; the older half is folded away early.
MAX_LOG: Final = 4000
# Ids of touchpoints that are in no log, kept so that they count once: 32 of 12 bytes.
MAX_IDS: Final = 32 * ID_BYTES
# Pairs of channel and type whose rules are remembered: of those that producers invent without end, the first.
MAX_READY: Final = 1000


_new = tuple.__new__


def fingerprint(definition: Definition) -> int:
    """32 bits: what bits, lists and figures mean (the upper 20), and all else that the fold depends on."""
    shape = (
        [(stage.name, stage.goal, stage.drops_after_ms is None) for stage in definition.stages],
        [exclusion.rule for exclusion in definition.funnel.exclude],
        [(segment.name, segment.path, segment.values) for segment in definition.segments],
        definition.key,
        # Only where they are chosen, so that states of journeys without them are not looked at anew.
        *((definition.buckets,) if definition.buckets != Buckets() else ()),
    )
    rest = (
        [(stage.touchpoints, stage.drops_after_ms, stage.optional) for stage in definition.stages],
        definition.order,
        definition.funnel,
        definition.exits,
        [segment.attribution for segment in definition.segments],
    )
    return (crc32(repr(shape).encode()) & 0xFFFFF) << 12 | crc32(repr(rest).encode()) & 0xFFF


def _entries(
    matcher: Matcher, layout: Layout, definition: Definition, *, takes_all: bool
) -> Callable[[Sequence[Touch]], list[tuple[Entry, int]]]:
    """A function from touches to their entries, each with its place; without those of no bearing on the journey."""
    match, order_of = matcher.match, layout.order
    code_segments = segment_coder(definition.segments) if definition.segments else None
    # What channel and type alone say, where no condition needs to be tried.
    ready: dict[tuple[str, str], tuple[int, int, tuple[int, ...]]] = {}

    def try_all(touch: Touch) -> tuple[int, int, tuple[int, ...]]:
        bits, rule = match(touch)
        found = bits, rule, order_of(bits)
        if len(ready) < MAX_READY and matcher.ready(touch.channel, touch.type) is not None:
            ready[touch.channel, touch.type] = found
        return found

    def entries(touches: Sequence[Touch]) -> list[tuple[Entry, int]]:
        made: list[tuple[Entry, int]] = []
        for place, touch in enumerate(touches):
            bits, rule, order = ready.get((touch.channel, touch.type)) or try_all(touch)
            if bits or takes_all:
                segments = code_segments(touch) if code_segments is not None else b""
                # Half the time of calling Entry, whose own constructor is a Python function.
                entry = _new(Entry, (touch.at_ms, order, short_id(touch.event_id), bits, rule, segments))
                made.append((entry, place))
        return made

    return entries


class Engine:
    """The pure fold of one journey."""

    def __init__(self, definition: Definition, horizon_ms: int | None = DEFAULT_HORIZON_MS) -> None:
        self.definition: Final = definition
        self.horizon_ms: Final = horizon_ms
        self.layout_id: Final = fingerprint(definition)
        count = len(definition.stages)
        self.steps: Final = Steps(definition)
        self.matcher: Final = Matcher(definition)
        self.layout: Final = Layout(count, count + 1 + len(definition.funnel.exclude), len(definition.segments))
        self._compact_from = COMPACT_FROM * self.layout.size
        self.step: Final = compile_step(definition, self.steps)
        self.limits: Final = tuple(stage.drops_after_ms for stage in definition.stages)
        # A touchpoint that meets no rule matters where one can go quiet, where it breaks a strict chain, and where it
        # may answer a question.
        takes_all = definition.funnel.mode == "strict" or any(limit is not None for limit in self.limits)
        takes_all = takes_all or bool(definition.feedback)
        self.entries: Final = _entries(self.matcher, self.layout, definition, takes_all=takes_all)
        """Touches as the fold sees them, each with its place; without those that bear on this journey in no way."""

    def entry(self, touch: Touch) -> Entry | None:
        """A touch as the fold sees it; None where it bears on this journey in no way."""
        made = self.entries((touch,))
        return made[0][0] if made else None

    def fold(self, entries: Iterable[Entry], base: Progress | None = None) -> Progress | None:
        """The progress of sorted entries on top of `base`, which is changed; None where there is nothing."""
        progress = base
        step = self.step
        for at_ms, _, _, bits, _, segments in entries:
            if progress is None:
                progress = begin(self.definition, at_ms)
            step(progress, at_ms, bits, segments)
        return progress

    def open(self, key: str | None, entry: Entry) -> Instance:
        """A new instance before its first touchpoint, which is the earliest of those to come."""
        return Instance(key, begin(self.definition, entry.at_ms))

    # The clock.

    def deadline_ms(self, progress: Progress) -> int | None:
        """The last moment at which the customer has not dropped off; None where no drop-off is possible."""
        if progress.stage < 0 or progress.exited is not None:
            return None
        limit = self.limits[progress.stage]
        return None if limit is None else progress.zero_ms + progress.last + limit

    def look(self, progress: Progress, now_ms: int) -> bool:
        """Let the clock act; whether it made the customer drop off."""
        deadline_ms = self.deadline_ms(progress)
        if progress.is_dropped or deadline_ms is None or now_ms <= deadline_ms:
            return False
        progress.is_dropped = True
        return True

    def dropped_ms(self, progress: Progress) -> int | None:
        """When the customer dropped off last."""
        if progress.is_dropped:
            return self.deadline_ms(progress)
        return None if progress.dropped is None else progress.zero_ms + progress.dropped

    # The log.

    def is_newest(self, instance: Instance, entry: Entry) -> bool:
        """Whether the entry comes after all others of the instance."""
        newest_ms = self.layout.newest_ms(instance.log)
        return entry.at_ms > newest_ms or (entry.at_ms == newest_ms and entry > self.layout.newest(instance.log))

    def is_beyond(self, instance: Instance, entry: Entry) -> bool:
        """Whether the entry is older than the horizon of the instance lets in."""
        if entry.at_ms < instance.base_until_ms:
            return True
        return self.horizon_ms is not None and entry.at_ms < self.layout.newest_ms(instance.log) - self.horizon_ms

    def append(self, instance: Instance, items: Sequence[tuple[Entry, int]]) -> None:
        """Fast path: keep entries that were folded and that come after all others."""
        log = instance.log + self.layout.pack_all([entry for entry, _ in items])
        instance.log = log
        if len(log) >= self._compact_from:
            self._relieve(instance)

    def insert(self, instance: Instance, entries: Sequence[Entry]) -> None:
        """Late path: take in entries within the horizon, of which some are older than others in the log."""
        log = self.layout.unpack(instance.log)
        log.extend(entries)
        log.sort()
        instance.log = self.layout.pack_all(log)
        self.refold(instance, log)
        if len(log) >= COMPACT_FROM:
            self._relieve(instance)

    def replace(self, instance: Instance, index: int, entry: Entry) -> None:
        """Take in another version of a touchpoint, which comes before the one at `index` in the order."""
        size = self.layout.size
        instance.log = instance.log[: index * size] + instance.log[(index + 1) * size :]
        self.insert(instance, [entry])

    def apply_late(self, instance: Instance, entry: Entry) -> None:
        """Beyond the horizon: take the entry in on top of the base, in arrival order."""
        if self.horizon_ms is not None:
            self._fold_away(instance, self.layout.newest_ms(instance.log) - self.horizon_ms)
        base = decode_progress(instance.base) if instance.base is not None else None
        instance.base = encode(self.fold([entry], base))
        self._remember(instance, [entry])
        self.refold(instance, self.layout.unpack(instance.log))

    def refold(self, instance: Instance, log: Iterable[Entry]) -> None:
        """Compute the progress from base and log; a drop-off that the clock made visible stays where it stood."""
        before = instance.progress
        deadline_ms = self.deadline_ms(before) if before.is_dropped else None
        progress = self.fold(log, decode_progress(instance.base) if instance.base is not None else None)
        if progress is None:
            return
        if deadline_ms is not None and self.deadline_ms(progress) == deadline_ms:
            progress.is_dropped = True
        instance.progress = progress

    def _relieve(self, instance: Instance) -> None:
        """Fold away what is beyond the horizon once it is half of the log, and what is too much in any case."""
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
        instance.former_ids = ids[-MAX_IDS:]
