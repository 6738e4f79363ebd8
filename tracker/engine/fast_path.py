"""The fast path, for plain touchpoints.

A plain touchpoint is the newest of a customer who has begun and has neither dropped off nor exited. It matches one
stage and nothing else, comes before the stage's deadline, and changes no segment value. Nearly all touchpoints are
plain. For them this function does the work of the fold (`tracker/engine/fold.py`), the funnel
(`tracker/engine/funnel.py`) and the difference of the figures (`tracker/figures/contribution.py`) in a fifth of the
time. `tests/laws/test_fold.py` checks that both ways give the same.
"""

from collections.abc import Callable

from tracker.engine.batch import Batch, Item
from tracker.engine.fold import LAST, attributions
from tracker.engine.funnel import Steps
from tracker.engine.transitions import Before, TransitionTeller
from tracker.figures.contribution import Contributor, least
from tracker.journey.definition import Definition
from tracker.records.state import Instance

FastPath = Callable[[Instance, list[Item], int, Batch], int]
"""Fold touchpoints that come after all others, from this place on, up to the first that is not plain. Returns its
place, or the number of touchpoints where all are plain."""


def compile_fast_path(  # noqa: C901, PLR0915 - one straight loop
    definition: Definition, steps: Steps, contributor: Contributor, teller: TransitionTeller
) -> FastPath | None:
    """The function for plain touchpoints; None where the definition allows no fast path."""
    # Strict and any-order chains, windows by step and surveys need a look at more than the last chain of each step.
    if steps.mode != "sequential" or steps.has_waits or definition.feedback:
        return None
    count, window, befores, is_entry = steps.count, steps.window, steps.before, steps.is_entry
    notes = steps.notes
    single = {1 << stage: stage for stage in range(count)}
    limits = tuple(stage.drops_after_ms for stage in definition.stages)
    goals = tuple(stage.goal for stage in definition.stages)
    forward = definition.order == "forward"
    takes_last = LAST in attributions(definition)
    no_segments = bytes(len(definition.segments))
    stays, move, step_transitions, has_completed = contributor.stays, teller.move, teller.step, teller.has_completed

    def plain(instance: Instance, items: list[Item], place: int, batch: Batch) -> int:  # noqa: C901, PLR0912, PLR0915
        progress = instance.progress
        was, chains = progress.stage, progress.chains
        if was < 0 or progress.is_dropped or progress.exited is not None or not chains:
            return place
        tally, zero_ms, last, first = batch.tally, progress.zero_ms, progress.last, progress.first
        held = bytes(progress.segments)
        is_open = takes_last or 0 in held
        began = least(first)
        cells = contributor.cells(instance, began)
        while place < len(items):
            (at_ms, _, _, bits, rule, segments), touched = items[place]
            stage, limit, at = single.get(bits, -1), limits[was], at_ms - zero_ms
            if stage < 0 or (limit is not None and at - last > limit):
                break
            # A segment may still change only where one is without a value, or where the last value counts.
            if is_open and segments not in (held, no_segments):
                break
            is_new = first[stage] is None
            completes = False
            if is_new:
                completes = goals[stage] and not has_completed(progress)
                first[stage] = at
                progress.furthest = max(progress.furthest, stage)
                contributor.add_reached(tally, cells, stage, at - began)
            last = at
            entry: int | None = None
            if is_entry[stage]:
                entry = 0 if window is None else at
            else:
                for before in befores[stage]:
                    other = chains[before]
                    if other is not None and (window is None or at - other <= window):
                        entry = other if entry is None or other > entry else entry
            # As in `tracker/engine/funnel.py`: the latest chain that ends at a step replaces the one before it.
            if entry is not None:
                chains[stage] = entry
                if notes[stage] and not progress.taken >> stage & 1:
                    progress.taken |= 1 << stage
                    cell = cells.taken[stage]
                    tally[cell] = tally.get(cell, 0) + 1
                while progress.depth <= stage:
                    progress.depth += 1
                    cell = cells.deeper[progress.depth]
                    tally[cell] = tally.get(cell, 0) + 1
            if stage != was and not (forward and was > stage):
                stayed = progress.spent[was]
                stays_now = stayed + at - progress.since
                progress.spent[was] = stays_now
                # From the second stay on the histogram already holds this customer, in the bucket of the time before.
                if progress.visits[was] > 1:
                    stays.grow(tally, was, stayed, stays_now)
                else:
                    stays.add(tally, was, stays_now, 1)
                cell = cells.moves.get((was, stage)) or contributor.move(cells, was, stage)
                tally[cell] = tally.get(cell, 0) + 1
                progress.visits[stage] += 1
                progress.since = at
                if not completes:
                    batch.transitions.append(
                        move(batch.customer, instance.key, was, stage, progress, batch.touches[touched], rule)
                    )
            else:
                stage = was
            if completes:
                progress.stage = stage
                before_step = Before(was, False, None, progress.recovered, False)
                batch.transitions += step_transitions(
                    batch.customer, instance.key, before_step, progress, batch.touches[touched], rule
                )
            was = stage
            place += 1
        progress.last = last
        progress.stage = was
        return place

    return plain
