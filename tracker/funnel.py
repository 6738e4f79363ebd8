"""The funnel: how many steps deep one customer has come, one touchpoint at a time.

It knows steps, windows and exclusions as numbers, and nothing of current stages, drop-offs or where touchpoints
come from. Touchpoints arrive in the order of the set.

Sequential and strict: for every step the latest chain that ends there is kept, since it can do all that an earlier
one can: its entry and its last step are both at least as late (docs/decisions/0011-latest-chain.md). So a
touchpoint costs O(steps), whatever the number of entries.
"""

from collections.abc import Callable
from typing import Any, Final

from tracker.definition import Definition
from tracker.state import Progress, Times

Advance = Callable[[Progress, int, int], int]
"""Take a touchpoint's time and bits into the funnel; the stage that the touchpoint counts for, -1 for none."""


def entry_of(chain: Times) -> int:
    """When a chain began."""
    for at in chain:
        if at is not None:
            return at
    raise ValueError("an empty chain has no entry")


def seconds_to_reach(best: Times) -> list[float | None]:
    """By step of the deepest chain: seconds since the step before it in time; None where there is none."""
    met = sorted((at, step) for step, at in enumerate(best) if at is not None)
    waits: list[float | None] = [None] * len(best)
    for (before, _), (at, step) in zip(met, met[1:], strict=False):
        waits[step] = (at - before) / 1000
    return waits


class Steps:
    """The funnel of one definition as numbers."""

    def __init__(self, definition: Definition) -> None:
        stages = definition.stages
        names = [stage.name for stage in stages]
        self.count: Final = len(stages)
        self.mask: Final = (1 << self.count) - 1
        self.window: Final = definition.funnel.window_ms
        self.waits: Final = tuple(definition.funnel.step_windows_ms.get(name) for name in names)
        self.is_entry: Final = tuple(all(stage.optional for stage in stages[:step]) for step in range(self.count))
        self.before: Final = tuple(
            tuple(j for j in range(step - 1, -1, -1) if all(stage.optional for stage in stages[j + 1 : step]))
            for step in range(self.count)
        )
        self.pads: Final = tuple(
            tuple((None,) * (step - j - 1) for j in range(step)) for step in range(self.count)
        )
        self.breaks: Final = tuple(
            (
                1 << (self.count + 1 + place),
                names.index(exclusion.between[0]) if exclusion.between else 0,
                names.index(exclusion.between[1]) if exclusion.between else self.count,
            )
            for place, exclusion in enumerate(definition.funnel.exclude)
        )
        self.break_mask: Final = sum(bit for bit, _, _ in self.breaks)


def _extend(steps: Steps, chains: list[Any], step: int, at: int) -> Times | None:
    """The best chain that a touchpoint at `at` ends at `step`; None where it ends none."""
    window, wait = steps.window, steps.waits[step]
    found: Times | None = None
    found_entry = 0
    for before in steps.before[step]:
        chain = chains[before]
        if chain is None or (wait is not None and at - chain[-1] > wait):
            continue
        entry = chain[0] if chain[0] is not None else entry_of(chain)
        if window is not None and at - entry > window:
            continue
        if found is None or entry > found_entry:
            found, found_entry = (*chain, *steps.pads[step][before], at), entry
    if steps.is_entry[step] and (found is None or window is not None and at > found_entry):
        # A later entry leaves more of the window; without a window the longer chain says more.
        return ((None,) * step + (at,))
    return found


def _descending(mask: int) -> list[int]:
    steps = []
    while mask:
        step = mask.bit_length() - 1
        steps.append(step)
        mask ^= 1 << step
    return steps


def _chained(steps: Steps, strict: bool) -> Advance:
    """Sequential or strict counting."""
    none: list[Any] = [None] * steps.count
    stage_mask, break_mask = steps.mask, steps.break_mask
    descending = {1 << step: [step] for step in range(steps.count)}

    def advance(progress: Progress, at: int, bits: int) -> int:
        stages = bits & stage_mask
        chains = progress.chains
        if not chains:
            if not stages:
                return -1
            chains = progress.chains = none.copy()
        reached = -1
        ended: list[tuple[int, Times]] = []
        if stages:
            for step in descending.get(stages) or _descending(stages):
                chain = _extend(steps, chains, step, at)
                if chain is not None:
                    ended.append((step, chain))
        if strict:
            chains = progress.chains = none.copy() if ended else []
        elif bits & break_mask:
            for bit, low, high in steps.breaks:
                if bits & bit:
                    for step in range(low, high):
                        chains[step] = None
        for step, chain in ended:
            chains[step] = chain
            if step >= progress.depth:
                progress.depth = step + 1
                progress.best = chain
        if ended:
            reached = ended[0][0]
        elif stages:
            reached = (stages & -stages).bit_length() - 1
        return reached

    return advance


def _assign(masks: list[int], taken: dict[int, int], at: int, banned: set[int]) -> bool:
    """Give touchpoint `at` a step of its own, moving others where that helps (augmenting paths)."""
    mask = masks[at]
    while mask:
        step = (mask & -mask).bit_length() - 1
        mask &= mask - 1
        if step in banned:
            continue
        banned.add(step)
        holder = taken.get(step)
        if holder is None or _assign(masks, taken, holder, banned):
            taken[step] = at
            return True
    return False


def _matching(masks: list[int]) -> dict[int, int]:
    """Step → touchpoint: as many different steps as these touchpoints can meet, each serving one."""
    taken: dict[int, int] = {}
    for at in range(len(masks)):
        _assign(masks, taken, at, set())
    return taken


def _any_order(steps: Steps) -> Advance:
    """Counting in any order.

    `chains` holds at most one touchpoint a step, as [time, mask] from old to new: of all sets of touchpoints that
    can each serve a different step, the latest. Such sets form a matroid, so whatever window ends now, those of
    them within it are as many as any choice within it could be.
    """
    stage_mask, window, breaks = steps.mask, steps.window, steps.breaks

    def broken(kept: list[Any], bits: int) -> bool:
        served = _matching([mask for _, mask in kept])
        for bit, low, high in breaks:
            if bits & bit and (high == steps.count and low == 0 or (low in served and high not in served)):
                return True
        return False

    def advance(progress: Progress, at: int, bits: int) -> int:
        stages = bits & stage_mask
        kept = progress.chains
        if bits & steps.break_mask and kept and broken(kept, bits):
            kept = progress.chains = []
        if not stages:
            return -1
        kept.append([at, stages])
        masks = [mask for _, mask in kept]
        if len(_matching(masks)) < len(kept):
            for index in range(len(kept)):
                rest = masks[:index] + masks[index + 1 :]
                if len(_matching(rest)) == len(rest):
                    del kept[index]
                    break
        inside = kept if window is None else [one for one in kept if at - one[0] <= window]
        masks = [mask for _, mask in inside]
        if len(inside) > progress.depth:
            progress.depth = len(inside)
            best: list[int | None] = [None] * steps.count
            for step, index in _matching(masks).items():
                best[step] = inside[index][0]
            progress.best = tuple(best)
        for step in _descending(stages):
            if len(_matching([*masks[:-1], 1 << step])) == len(masks):
                return step
        return (stages & -stages).bit_length() - 1

    return advance


def compile_funnel(steps: Steps, mode: str) -> Advance:
    """The function that takes one touchpoint into the funnel, chosen once for the definition's mode."""
    if mode == "any":
        return _any_order(steps)
    return _chained(steps, strict=mode == "strict")
