"""The engine: the progress of one journey as a fold over the set of a customer's touchpoints.

`state = fold(definition, touchpoints, now)`; the touchpoints are sorted by (time, stage order, event id). An entry
newer than all others is one step; any other folds the log over the base again. Both give equal states.
It knows one journey and one customer; no bytes of records, no aggregates, no messages.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

import msgspec

from tracker.definition import Definition
from tracker.funnel import Steps, compile_funnel
from tracker.log import ID_BYTES, Entry, Layout, short_id
from tracker.matcher import Matcher, segment_coder
from tracker.state import Instance, Progress, decode_progress, encode
from tracker.touch import Touch

DEFAULT_HORIZON_MS: Final = 7 * 24 * 3600 * 1000
# Between this many entries and the horizon a log is left to grow: folding it away costs more than keeping it.
_COMPACT_FROM: Final = 24
# A customer with more touchpoints than this within the horizon is a machine; its oldest are folded away early.
MAX_LOG: Final = 4000
_FORMER_IDS: Final = 32


def fingerprint(definition: Definition) -> int:
    """Two 16-bit halves: what bits and lists mean (high), and all else that the fold depends on (low)."""
    shape = (
        [stage.name for stage in definition.stages],
        len(definition.funnel.exclude),
        [(segment.name, segment.values) for segment in definition.segments],
        definition.key,
    )
    rest = (
        [(stage.touchpoints, stage.drops_after_ms, stage.optional, stage.goal) for stage in definition.stages],
        definition.order,
        definition.funnel,
        definition.exits,
        [segment.attribution for segment in definition.segments],
    )
    return (crc32(repr(shape).encode()) & 0xFFFF) << 16 | crc32(repr(rest).encode()) & 0xFFFF


class Engine:
    """The pure fold of one journey."""

    def __init__(self, definition: Definition, horizon_ms: int | None = DEFAULT_HORIZON_MS) -> None:
        self.definition: Final = definition
        self.horizon_ms: Final = horizon_ms
        self.layout_id: Final = fingerprint(definition)
        count = len(definition.stages)
        self.count: Final = count
        self.steps: Final = Steps(definition)
        self.matcher: Final = Matcher(definition)
        self.layout: Final = Layout(count, count + 1 + len(definition.funnel.exclude), len(definition.segments))
        self._advance = compile_funnel(self.steps, definition.funnel.mode)
        self._code_segments = segment_coder(definition.segments)
        self._limits = tuple(stage.drops_after_ms for stage in definition.stages)
        self._goals = tuple(stage.goal for stage in definition.stages)
        self._forward = definition.order == "forward"
        self._exit_bit = 1 << count
        names = [stage.name for stage in definition.stages]
        self._attribution = tuple(
            -1 if segment.attribution == "first" else -2 if segment.attribution == "last" else names.index(segment.attribution)
            for segment in definition.segments
        )

    # What a touch is.

    def entry(self, touch: Touch) -> Entry:
        """A touch as the fold sees it."""
        bits, rule = self.matcher.match(touch)
        segments = self._code_segments(touch) if self._attribution else b""
        return Entry(touch.at_ms, self.layout.order(bits), short_id(touch.event_id), bits, rule, segments)

    # The fold.

    def begin(self, at_ms: int) -> Progress:
        """The progress before the first touchpoint, which is at `at_ms`."""
        count = self.count
        return Progress(
            zero_ms=at_ms,
            first=[None] * count,
            visits=[0] * count,
            spent=[0] * count,
            segments=[0] * len(self._attribution),
        )

    def step(self, progress: Progress, entry: Entry) -> None:
        """Take one touchpoint, not older than those before it, into the progress."""
        at = entry.at_ms - progress.zero_ms
        bits = entry.bits
        happened = at
        at = max(at, progress.last)
        self._close_gap(progress, at)
        progress.last = at
        stage = self._advance(progress, at, bits)
        if stage >= 0:
            self._meet(progress, stage, at, happened, entry.segments)
        if bits & self._exit_bit and progress.stage >= 0 and progress.exited is None:
            progress.exited = at
            progress.spent[progress.stage] += at - progress.since

    def _close_gap(self, progress: Progress, at: int) -> None:
        """A gap longer than the current stage allows was a drop-off, and ends in a recovery."""
        progress.is_dropped = False
        deadline = self.deadline(progress)
        if deadline is not None and at > deadline:
            if not progress.gaps:
                progress.gaps = [0] * self.count
            progress.gaps[progress.stage] += 1
            progress.dropped = deadline
            progress.recovered = at

    def _meet(self, progress: Progress, stage: int, at: int, happened: int, segments: bytes) -> None:
        """The touchpoint belongs to `stage`."""
        first = progress.first[stage]
        if first is None or happened < first:
            progress.first[stage] = happened
        progress.furthest = max(progress.furthest, stage)
        if self._goals[stage] and progress.completed is None:
            progress.completed = at
        before = progress.stage
        after = max(stage, before) if self._forward else stage
        if after != before or progress.exited is not None:
            if before >= 0 and progress.exited is None:
                progress.spent[before] += at - progress.since
            progress.exited = None
            progress.stage = after
            progress.since = at
            progress.visits[after] += 1
        for place, code in enumerate(segments):
            if code:
                rule = self._attribution[place]
                if rule == -2 or (progress.segments[place] == 0 and rule in (-1, stage)):
                    progress.segments[place] = code

    def deadline(self, progress: Progress) -> int | None:
        """The last moment (after `zero_ms`) at which the customer has not dropped off; None: no drop-off."""
        if progress.stage < 0 or progress.exited is not None:
            return None
        limit = self._limits[progress.stage]
        return None if limit is None else progress.last + limit

    def look(self, progress: Progress, now_ms: int) -> int | None:
        """Let the clock act; the next moment (since 1970) at which it will, None for never."""
        deadline = self.deadline(progress)
        if deadline is None or progress.is_dropped:
            return None
        if now_ms - progress.zero_ms > deadline:
            progress.is_dropped = True
            progress.dropped = deadline
            return None
        return progress.zero_ms + deadline + 1

    def fold(self, entries: Iterable[Entry], base: Progress | None = None) -> Progress:
        """The progress of sorted entries on top of `base`, which is changed."""
        progress = base
        for entry in entries:
            if progress is None:
                progress = self.begin(entry.at_ms)
            self.step(progress, entry)
        if progress is None:
            raise ValueError("nothing to fold")
        return progress

    # The instance: progress, log and base.

    def holds(self, instance: Instance, entry: Entry) -> bool:
        """Whether this touchpoint has been taken in before."""
        if self.layout.holds(instance.log, entry.id):
            return True
        former = instance.former_ids
        place = former.find(entry.id)
        while place >= 0 and place % ID_BYTES:
            place = former.find(entry.id, place + 1)
        return place >= 0

    def open(self, key: str | None, entry: Entry) -> Instance:
        """A new instance with its first touchpoint."""
        progress = self.begin(entry.at_ms)
        self.step(progress, entry)
        return Instance(key, progress, self.layout.pack(entry))

    def is_newest(self, instance: Instance, entry: Entry) -> bool:
        """Whether the entry comes after all others of the instance."""
        at = entry.at_ms - instance.progress.zero_ms
        last = instance.progress.last
        return at > last or (at == last and entry[:3] > self.layout.unpack(instance.log[-self.layout.size :])[0][:3])

    def append(self, instance: Instance, entry: Entry) -> None:
        """Fast path: take in a touchpoint that comes after all others."""
        self.step(instance.progress, entry)
        instance.log += self.layout.pack(entry)
        if len(instance.log) >= _COMPACT_FROM * self.layout.size:
            self._relieve(instance)

    def insert(self, instance: Instance, entries: list[Entry]) -> int:
        """Late path: take in touchpoints of which some are older than others; how many beyond the horizon."""
        late = 0
        within = []
        for entry in entries:
            if self._is_beyond(instance, entry):
                self._apply_late(instance, entry)
                late += 1
            else:
                within.append(entry)
        log = self.layout.unpack(instance.log)
        log.extend(within)
        log.sort()
        base = decode_progress(instance.base) if instance.base is not None else None
        instance.progress = self.fold(log, base)
        instance.log = self.layout.pack_all(log)
        if len(log) >= _COMPACT_FROM:
            self._relieve(instance)
        return late

    def _is_beyond(self, instance: Instance, entry: Entry) -> bool:
        newest_ms = instance.progress.zero_ms + instance.progress.last
        return self.horizon_ms is not None and entry.at_ms < newest_ms - self.horizon_ms

    def _apply_late(self, instance: Instance, entry: Entry) -> None:
        """Beyond the horizon: on top of the base, in arrival order."""
        assert self.horizon_ms is not None
        newest_ms = instance.progress.zero_ms + instance.progress.last
        self._fold_away(instance, newest_ms - self.horizon_ms)
        base = decode_progress(instance.base) if instance.base is not None else self.begin(entry.at_ms)
        self.step(base, entry)
        instance.base = encode(base)
        self._remember(instance, [entry])

    def _relieve(self, instance: Instance) -> None:
        """Fold away what is beyond the horizon once it is half of the log."""
        if self.horizon_ms is None:
            return
        count = len(instance.log) // self.layout.size
        cut_ms = instance.progress.zero_ms + instance.progress.last - self.horizon_ms
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
        instance.log = self.layout.pack_all(log[keep:])
        self._remember(instance, log[:keep])

    def _remember(self, instance: Instance, entries: list[Entry]) -> None:
        ids = instance.former_ids + b"".join(entry.id for entry in entries)
        instance.former_ids = ids[-_FORMER_IDS * ID_BYTES :]

    def copy(self, progress: Progress) -> Progress:
        """A progress that can be changed without changing this one."""
        return msgspec.convert(msgspec.to_builtins(progress), Progress)
