"""An account's progress, folded from what its people report: for each of them a trace (`schemas/routed.py`).

For each stage the account has one moment: when as many of its people had reached it as the rule asks. The account is
quiet when all of its people are. Traces name stages and values, so they serve every version of a journey.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby

from schemas.routed import Trace
from tracker.engine.engine import Engine
from tracker.engine.fold import FIRST, LAST, attributions, begin
from tracker.journey.definition import Definition, Segment
from tracker.records.account_links import ActiveSpan
from tracker.records.state import FIRST_VALUE, OTHER, Instance, Progress, encode


def fold_traces(engine: Engine, people: Sequence[Trace]) -> Progress | None:
    """The progress of an account with these people; None where no touchpoint has come.

    The order of people does not matter, and the same people always give the same progress.
    """
    spans = merge((span for one in people for span in one.spans), shortest_ms(engine))
    ends = ((at_ms, len(engine.limits), 0) for span in spans for at_ms in span)
    points = sorted({*landmarks(engine, people), *ends})
    progress: Progress | None = None
    starts = [start for start, _ in spans]
    before_ms = 0
    for at_ms, group in groupby(points, lambda point: point[0]):
        if progress is None:
            progress = begin(engine.definition, at_ms)
        elif _span_of(spans, starts, at_ms)[0] <= before_ms:
            # Nobody was quiet for long within a span, although its single touchpoints are not known here. Without this
            # the fold would see a gap and report a drop-off.
            progress.last = at_ms - progress.zero_ms
        bits = [one for _, _, one in group]
        for place, stage in engine.counted(progress, at_ms, bits):
            engine.step(progress, at_ms, bits[place], b"", stage)
        before_ms = at_ms
    if progress is not None:
        progress.segments = _segments(engine.definition, people)
    return progress


def refolded(instance: Instance, old: Engine, new: Engine, people: Sequence[Trace]) -> Instance | None:
    """An account's instance under a new definition; None where none of its people has come to a stage of it."""
    progress = fold_traces(new, people)
    if progress is None:
        return None
    reported = instance.progress
    new.keep_reported(progress, old.deadline_ms(reported) if reported.is_dropped else None)
    return Instance(
        None, progress, base=encode(progress), corrections=instance.corrections, cohorts_from=instance.cohorts_from
    )


def _span_of(spans: Sequence[ActiveSpan], starts: Sequence[int], at_ms: int) -> ActiveSpan:
    """The span that contains a moment, or the moment alone where none does."""
    place = bisect_right(starts, at_ms) - 1
    return spans[place] if place >= 0 and at_ms <= spans[place][1] else (at_ms, at_ms)


def landmarks(engine: Engine, people: Sequence[Trace]) -> Iterable[tuple[int, int, int]]:
    """When the account reached each stage, and when it left: the moment (ms), its place in the order, and its bit."""
    definition = engine.definition
    asked = definition.accounts.people if definition.accounts is not None else 1
    times = [[one.reached[stage.name] for one in people if stage.name in one.reached] for stage in definition.stages]
    times.append([one.exited_ms for one in people if one.exited_ms is not None])
    for place, moments in enumerate(times):
        if len(moments) >= asked:
            yield sorted(moments)[asked - 1], place, 1 << place


def _segments(definition: Definition, people: Sequence[Trace]) -> list[int]:
    """The value of each segment: that of the person who began first, or was seen last, among those who have one."""
    codes = []
    for segment, attribution in zip(definition.segments, attributions(definition), strict=True):
        stage = definition.stages[attribution].name if attribution not in (FIRST, LAST) else None
        having = [one for one in people if segment.name in one.segments and one.spans]
        if attribution == LAST:
            best = max(having, key=lambda one: (one.spans[-1][1], one.segments[segment.name]), default=None)
        else:
            best = min(having, key=lambda one: _rank(one, stage, segment), default=None)
        value = best.segments[segment.name] if best is not None else None
        known = segment.values.index(value) + FIRST_VALUE if value in segment.values else OTHER
        codes.append(0 if value is None else known)
    return codes


def _rank(one: Trace, stage: str | None, segment: Segment) -> tuple[int, str]:
    return one.reached.get(stage, 1 << 62) if stage is not None else one.spans[0][0], one.segments[segment.name]


def shortest_ms(engine: Engine) -> int | None:
    """The longest gap that is no drop-off in any stage; None where no stage has a limit."""
    return min((limit for limit in engine.limits if limit is not None), default=None)


def merge(spans: Iterable[ActiveSpan], gap_ms: int | None) -> tuple[ActiveSpan, ...]:
    """Spans in order; those that overlap, or lie at most `gap_ms` apart, are joined."""
    merged: list[ActiveSpan] = []
    for start, end in sorted(spans):
        if merged and (gap_ms is None or start - merged[-1][1] <= gap_ms):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
