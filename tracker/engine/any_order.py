"""The funnel in any order: how many different steps were met within the window of the first of them.

It knows steps and windows as numbers. The two other modes, sequential and strict, are in `tracker/engine/funnel.py`.
"""

from collections.abc import Sequence

from tracker.engine.funnel import Advance, Steps, descending
from tracker.journey.definition import MAX_STEPS_BY_SETS
from tracker.records.state import Progress


def _assign(masks: Sequence[int], taken: dict[int, int], at: int, tried: set[int]) -> bool:
    """Give touchpoint `at` a step of its own, moving others where that helps; returns whether it worked.

    One augmenting path of bipartite matching (Kuhn's algorithm).
    """
    for step in descending(masks[at]):
        if step in tried:
            continue
        tried.add(step)
        holder = taken.get(step)
        if holder is None or _assign(masks, taken, holder, tried):
            taken[step] = at
            return True
    return False


def most_steps(masks: Sequence[int]) -> int:
    """How many different steps these touchpoints can meet, each touchpoint serving one: the maximum matching."""
    taken: dict[int, int] = {}
    return sum(_assign(masks, taken, at, set()) for at in range(len(masks)))


def any_order(steps: Steps) -> Advance:
    """The function that counts in any order: the cheaper of the two that are exact for the definition."""
    return _by_sets(steps) if steps.has_waits or steps.breaks else _by_latest(steps)


def _by_latest(steps: Steps) -> Advance:
    """Counting where only the window of the whole funnel matters.

    `chains` holds pairs (time, stages), from old to new, at most one for each step. Of all sets of touchpoints in
    which each serves a different step, it is the latest. Such sets form a transversal matroid, so the greedy choice is
    optimal: at any later time the pairs within the window are as many as any other choice would have there.
    """
    window = steps.window

    def advance(progress: Progress, at: int, _bits: int, stages: int) -> int:
        if not stages:
            return -1
        flat = [*progress.chains, at, stages]
        kept: list[tuple[int, int]] = list(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[arg-type]
        if window is not None:
            kept = [one for one in kept if at - one[0] <= window]
        masks = [mask for _, mask in kept]
        served = _first_of_deepest(masks[:-1], stages)
        # One pair too many: the set stays latest when the oldest pair goes without which the others fit.
        if most_steps(masks) < len(kept):
            oldest = next(place for place in range(len(kept)) if _is_free([*masks[:place], *masks[place + 1 :]]))
            del kept[oldest], masks[oldest]
        progress.chains = [part for one in kept for part in one]
        progress.depth = max(progress.depth, len(kept))
        return served

    return advance


def _first_of_deepest(masks: Sequence[int], stages: int) -> int:
    """The step that a touchpoint of these stages serves in the longest chain that ends with it; of equals the first."""
    steps = descending(stages)[::-1]
    if len(steps) == 1:
        return steps[0]
    # `max` returns the first of equals, and the steps are in ascending order.
    return max(steps, key=lambda step: most_steps([mask & ~(1 << step) for mask in masks]))


def _is_free(masks: Sequence[int]) -> bool:
    return most_steps(masks) == len(masks)


def _by_sets(steps: Steps) -> Advance:
    """Counting where steps have windows of their own, or where touchpoints are excluded.

    `chains` holds triples (steps met, entry time, last time). For each set of steps it keeps the Pareto front: the
    chains that no other one beats in both times. Without windows by step the last time does not matter and is 0.
    There are up to 2^steps sets, so such a funnel with more than MAX_STEPS_BY_SETS steps is refused (ValueError).
    """
    window, waits, has_waits = steps.window, steps.waits, steps.has_waits
    if steps.count > MAX_STEPS_BY_SETS:
        raise ValueError(f"in any order with exclusions or windows by step: at most {MAX_STEPS_BY_SETS} steps")

    def advance(progress: Progress, at: int, bits: int, stages: int) -> int:
        flat = progress.chains
        open_chains: list[tuple[int, int, int]] = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))  # type: ignore[arg-type]
        if window is not None:
            open_chains = [one for one in open_chains if at - one[1] <= window]
        longer: list[tuple[int, int, int]] = []
        now = at if has_waits else 0
        served, deepest = -1, 0
        # Every step extends chains from before this touchpoint, so it never serves two steps of one chain.
        for step in reversed(descending(stages)):
            wait = waits[step]
            ending = [
                (met | 1 << step, entry, now)
                for met, entry, last in open_chains
                if not met >> step & 1 and (wait is None or at - last <= wait)
            ]
            ending.append((1 << step, at, now))
            depth = max(met.bit_count() for met, _, _ in ending)
            if depth > deepest:
                served, deepest = step, depth
            longer.extend(ending)
        # Only the chains from before end here: a touchpoint that is both a step and an exclusion serves its step.
        for bit, low, high in steps.breaks:
            if bits & bit:
                anywhere = (low, high) == (0, steps.count)
                open_chains = [
                    one for one in open_chains if not (anywhere or (one[0] >> low & 1 and not one[0] >> high & 1))
                ]
        progress.chains = [part for one in best_chains([*longer, *open_chains]) for part in one]
        progress.depth = max(progress.depth, deepest)
        return served

    return advance


def best_chains(chains: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The chains that no other chain of the same steps beats in both times, in a fixed order."""
    kept: list[tuple[int, int, int]] = []
    met, last = 0, -1
    # In this order the chains of the same steps that come before have entries at least as late.
    for chain in sorted(set(chains), reverse=True):
        if chain[0] != met or chain[2] > last:
            kept.append(chain)
            met, _, last = chain
    return kept
