"""The fold: what one touchpoint does to a progress, compiled once from the definition.

`close_gap` decides a drop-off, and its recovery, when a touchpoint comes after a gap that was too long.
It knows stages, gaps, exits and segments. The funnel is in `tracker/engine/funnel.py`; `tracker/engine/engine.py`
decides the order of touchpoints.
"""

from collections.abc import Callable
from typing import Final

from tracker.engine.any_order import any_order
from tracker.engine.funnel import Steps, chained, one_by_one
from tracker.journey.definition import Definition
from tracker.records.state import Progress

Step = Callable[[Progress, int, int, bytes, int], int]
"""Fold a touchpoint (milliseconds since 1970, its bits, its segment codes) into a progress. The last argument is the
stage that it counts for where the funnel has counted it already, with its instant, else UNCOUNTED. Returns the stage
that it counts for, -1 for none."""
UNCOUNTED: Final = -1

FIRST, LAST = -1, -2


def attributions(definition: Definition) -> tuple[int, ...]:
    """By segment: the place of the stage whose touchpoint gives the value, or FIRST or LAST."""
    places = {stage.name: place for place, stage in enumerate(definition.stages)} | {"first": FIRST, "last": LAST}
    return tuple(places[segment.attribution] for segment in definition.segments)


def begin(definition: Definition, at_ms: int) -> Progress:
    """The progress before the first touchpoint, which is at `at_ms`."""
    count = len(definition.stages)
    return Progress(
        zero_ms=at_ms,
        first=[None] * count,
        visits=[0] * count,
        spent=[0] * count,
        segments=[0] * len(definition.segments),
    )


def compile_step(definition: Definition, steps: Steps) -> Step:
    """The function that folds one touchpoint into a progress; touchpoints come in the order of the set."""
    step = _compile_step(definition, steps)
    return _with_passive(step, definition, steps) if steps.passive else step


def _with_passive(step: Step, definition: Definition, steps: Steps) -> Step:
    """The step, with touchpoints that are not the customer's activity: they change neither stage nor silence."""
    passive, break_mask, exit_bit = steps.passive, steps.break_mask, 1 << len(definition.stages)
    limits = tuple(stage.drops_after_ms for stage in definition.stages)
    advance = any_order(steps) if steps.mode == "any" else chained(steps, strict=steps.mode == "strict")

    def take_out(progress: Progress, at: int) -> None:
        """An exit that the customer has no part in. Whoever had gone quiet before it has dropped off."""
        stage, last = progress.stage, progress.last
        limit = limits[stage]
        progress.is_dropped = limit is not None and at - last > limit
        if progress.is_dropped:
            progress.dropped = last + (limit or 0)
        progress.spent[stage] += at - progress.since
        progress.exited = at

    def step_or_aside(progress: Progress, at_ms: int, bits: int, segments: bytes, counted: int) -> int:
        if not bits & passive:
            return step(progress, at_ms, bits, segments, counted)
        at = max(at_ms - progress.zero_ms, progress.last)
        if bits & break_mask:
            advance(progress, at, bits, 0)
        if bits & exit_bit and progress.stage >= 0 and progress.exited is None:
            take_out(progress, at)
        return -1

    return step_or_aside


def _compile_step(definition: Definition, steps: Steps) -> Step:  # noqa: C901, PLR0915 - closures, straight when called
    count = len(definition.stages)
    stage_mask, exit_bit = steps.mask, 1 << count
    limits = tuple(stage.drops_after_ms for stage in definition.stages)
    forward = definition.order == "forward"
    strict = steps.mode == "strict"
    advance = any_order(steps) if steps.mode == "any" else chained(steps, strict=strict)
    advance_one = one_by_one(steps)
    attribution = attributions(definition)
    has_last = LAST in attribution
    single = {1 << stage: stage for stage in range(count)}

    def close_gap(progress: Progress, at: int) -> None:
        """End a gap: if it was longer than the stage allows, it was a drop-off and this is a recovery."""
        stage = progress.stage
        limit = limits[stage]
        # The clock may have reported a drop-off before a touchpoint arrived that had happened in time.
        progress.is_dropped = False
        if limit is None or at - progress.last <= limit:
            return
        gaps = progress.gaps or [0] * count
        gaps[stage] += 1
        progress.gaps = gaps
        progress.dropped = progress.last + limit
        progress.recovered = at

    def come_back(progress: Progress, at: int) -> None:
        """The recovery of a customer who had dropped off and was then taken out of the journey by others."""
        gaps = progress.gaps or [0] * count
        gaps[progress.stage] += 1
        progress.gaps = gaps
        progress.recovered = at
        progress.is_dropped = False

    def leave(progress: Progress, at: int) -> None:
        """An exit: the clock stops."""
        if progress.stage < 0 or progress.exited is not None:
            return
        progress.spent[progress.stage] += at - progress.since
        progress.exited = at

    def aside(progress: Progress, at: int, bits: int) -> int:
        """A touchpoint of no stage."""
        if bits & steps.break_mask or strict:
            advance(progress, at, bits, 0)
        if bits & exit_bit:
            leave(progress, at)
        return -1

    def step(  # noqa: C901, PLR0912 - the hot path
        progress: Progress, at_ms: int, bits: int, segments: bytes, counted: int
    ) -> int:
        happened = at_ms - progress.zero_ms
        before, last = progress.stage, progress.last
        # Touchpoints beyond the horizon are folded in arrival order. For the clock they happen no earlier than the last
        # one, or times in stages would become negative.
        at = happened if happened > last or before < 0 else last
        was_in = before >= 0 and progress.exited is None
        if was_in:
            limit = limits[before]
            if progress.is_dropped or (limit is not None and at - last > limit):
                close_gap(progress, at)
        progress.last = at
        stage = single.get(bits, -1)
        if counted >= 0:
            stage = counted
        elif stage >= 0 and advance_one is not None:
            # Most touchpoints match one stage and nothing else.
            advance_one(progress, at, stage)
        else:
            stages = bits & stage_mask
            if not stages:
                return aside(progress, at, bits)
            stage = single.get(stages, -1)
            reached = advance(progress, at, bits, stages)
            if stage < 0:
                # Of several it counts for the furthest that a chain now reaches, else for the first that matches.
                # A repeated step, which matches both times, so moves the customer on.
                stage = reached if reached >= 0 else (stages & -stages).bit_length() - 1
        firsts = progress.first
        first = firsts[stage]
        # The time of the event and not of the clock: a late touchpoint may be the true first one.
        if first is None or happened < first:
            firsts[stage] = happened
            progress.furthest = max(progress.furthest, stage)
        after = before if forward and before > stage else stage
        if after != before or not was_in:
            if was_in:
                progress.spent[before] += at - progress.since
            elif progress.is_dropped:
                come_back(progress, at)
            progress.exited = None
            progress.stage = after
            progress.since = at
            progress.visits[after] += 1
        if attribution and (has_last or 0 in progress.segments):
            _attribute(progress, stage, segments, attribution)
        if bits & exit_bit:
            leave(progress, at)
        return stage

    return step


def _attribute(progress: Progress, stage: int, segments: bytes, attribution: tuple[int, ...]) -> None:
    """Set the segment values that this touchpoint gives by the attribution of the definition."""
    for place, code in enumerate(segments):
        if code:
            source = attribution[place]
            if source == LAST or (progress.segments[place] == 0 and source in (FIRST, stage)):
                progress.segments[place] = code
