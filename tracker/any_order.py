"""The funnel in any order: how many different steps were met within the window of the first of them.

It knows steps and windows as numbers, like `tracker/funnel.py`, whose two other modes it stands beside.
"""

from collections.abc import Sequence
from typing import Final

from tracker.funnel import Advance, Steps, descending
from tracker.state import Progress

MAX_STEPS_BY_SETS: Final = 10


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
        flat = [*progress.chains, at, stages]
        kept: list[tuple[int, int]] = list(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[arg-type]
        if window is not None:
            kept = [one for one in kept if at - one[0] <= window]
        masks = [mask for _, mask in kept]
        grown = next((step for step in descending(stages) if _is_free([*masks[:-1], 1 << step])), -1)
        if grown < 0:
            oldest = next(place for place in range(len(kept)) if _is_free([*masks[:place], *masks[place + 1 :]]))
            del kept[oldest], masks[oldest]
        progress.chains = [part for one in kept for part in one]
        progress.depth = max(progress.depth, len(kept))
        return grown

    return advance


def _is_free(masks: Sequence[int]) -> bool:
    return most_steps(masks) == len(masks)


def _by_sets(steps: Steps) -> Advance:
    """Where steps have windows of their own, or something is excluded.

    `chains` holds triples (steps met, entry, last), for every set of steps the chains that no other one outdoes
    in both times; where no step has a window of its own, the last time counts as 0. At most 2^steps sets: a
    definition with more than MAX_STEPS_BY_SETS steps and such a funnel is refused.
    """
    window, waits, has_waits = steps.window, steps.waits, steps.has_waits
    # Where nothing depends on which steps were met, a chain that met more does all that one that met less can.
    more_is_better = not has_waits and all((low, high) == (0, steps.count) for _, low, high in steps.breaks)
    if steps.count > MAX_STEPS_BY_SETS:
        raise ValueError(f"a funnel in any order with exclusions or windows by step has at most {MAX_STEPS_BY_SETS} steps")

    def advance(progress: Progress, at: int, bits: int, stages: int) -> int:
        flat = progress.chains
        open_chains: list[tuple[int, int, int]] = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))  # type: ignore[arg-type]
        if window is not None:
            open_chains = [one for one in open_chains if at - one[1] <= window]
        longer: list[tuple[int, int, int]] = []
        now = at if has_waits else 0
        for step in descending(stages):
            longer.append((1 << step, at, now))
            wait = waits[step]
            longer.extend(
                (met | 1 << step, entry, now)
                for met, entry, last in open_chains
                if not met >> step & 1 and (wait is None or at - last <= wait)
            )
        for bit, low, high in steps.breaks:
            if bits & bit:
                anywhere = (low, high) == (0, steps.count)
                open_chains = [
                    one for one in open_chains if not (anywhere or (one[0] >> low & 1 and not one[0] >> high & 1))
                ]
        deepest = max((met.bit_count() for met, _, _ in longer), default=0)
        progress.depth = max(progress.depth, deepest)
        progress.chains = [part for one in _best([*longer, *open_chains], more_is_better) for part in one]
        return -1

    return advance


def _best(chains: list[tuple[int, int, int]], more_is_better: bool) -> list[tuple[int, int, int]]:
    """The chains that no other outdoes, in a fixed order."""
    kept: list[tuple[int, int, int]] = []
    # Sorted so, a chain of the same steps (or of more) that comes before has an entry at least as late.
    for chain in sorted(set(chains), key=lambda one: (-one[1], -one[2], -one[0])):
        met, _, last = chain
        if not any((one[0] == met or (more_is_better and one[0] & met == met)) and one[2] >= last for one in kept):
            kept.append(chain)
    return kept
