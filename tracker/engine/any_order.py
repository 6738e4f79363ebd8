"""The funnel in any order: how many different steps were met within the window of the first of them.

It knows steps and windows as numbers, like `tracker/engine/funnel.py`, whose two other modes it stands beside.
"""

from collections.abc import Sequence

from tracker.engine.funnel import Advance, Steps, descending
from tracker.journey.definition import MAX_STEPS_BY_SETS
from tracker.records.state import Progress


def _assign(masks: Sequence[int], taken: dict[int, int], at: int, tried: set[int]) -> bool:
    """Give touchpoint `at` a step of its own, moving others where that helps (an augmenting path)."""
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
    """How many different steps these touchpoints can meet, each serving one."""
    taken: dict[int, int] = {}
    return sum(_assign(masks, taken, at, set()) for at in range(len(masks)))


def any_order(steps: Steps) -> Advance:
    """Counting in any order, by the cheaper of two ways that is exact for the definition."""
    return _by_sets(steps) if steps.has_waits or steps.breaks else _by_latest(steps)


def _by_latest(steps: Steps) -> Advance:
    """Where only the window of the whole counts.

    `chains` holds pairs (time, stages), at most one a step, from old to new: of all sets of touchpoints that can
    each serve a step of their own, the latest. Such sets are a matroid, so whatever the window holds later, the
    members within it are as many as any choice within it could be.
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
        if most_steps(masks) < len(kept):
            oldest = next(place for place in range(len(kept)) if _is_free([*masks[:place], *masks[place + 1 :]]))
            del kept[oldest], masks[oldest]
        progress.chains = [part for one in kept for part in one]
        progress.depth = max(progress.depth, len(kept))
        return served

    return advance


def _first_of_deepest(masks: Sequence[int], stages: int) -> int:
    """Of the longest chains that end with a touchpoint of these stages, the first step that it serves in one."""
    steps = descending(stages)[::-1]
    if len(steps) == 1:
        return steps[0]
    # max() takes the first of equals.
    return max(steps, key=lambda step: most_steps([mask & ~(1 << step) for mask in masks]))


def _is_free(masks: Sequence[int]) -> bool:
    return most_steps(masks) == len(masks)


def _by_sets(steps: Steps) -> Advance:
    """Where steps have windows of their own, or something is excluded.

    `chains` holds triples (steps met, entry, last), for every set of steps the chains that no other one outdoes
    in both times; where no step has a window of its own, the last time counts as 0. At most 2^steps sets: a
    definition with more than MAX_STEPS_BY_SETS steps and such a funnel is refused.
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
        for bit, low, high in steps.breaks:
            if bits & bit:
                anywhere = (low, high) == (0, steps.count)
                open_chains = [
                    one for one in open_chains if not (anywhere or (one[0] >> low & 1 and not one[0] >> high & 1))
                ]
        progress.chains = [part for one in _best([*longer, *open_chains]) for part in one]
        progress.depth = max(progress.depth, deepest)
        return served

    return advance


def _best(chains: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The chains that no other of the same steps outdoes, in a fixed order."""
    kept: list[tuple[int, int, int]] = []
    met, last = 0, -1
    # Sorted so, a chain of the same steps that comes before has an entry at least as late.
    for chain in sorted(set(chains), reverse=True):
        if chain[0] != met or chain[2] > last:
            kept.append(chain)
            met, _, last = chain
    return kept
