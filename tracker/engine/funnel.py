"""The funnel: how many steps deep one customer has come, one touchpoint at a time.

It knows steps, windows and exclusions as numbers, and nothing of current stages or drop-offs. Touchpoints come in the
order of the set.

Sequential and strict modes keep for each step only the latest chain that ends there. Its entry and its last step are
both at least as late as those of any other, so every continuation of another chain also continues this one
(docs/decisions/0011-latest-chain.md). A touchpoint costs O(steps), whatever the number of entries; keeping every open
chain would grow with the customer. The mode `any` is in `tracker/engine/any_order.py`.
"""

from collections.abc import Callable
from typing import Final

from tracker.engine.matcher import passive_bit
from tracker.journey.definition import Definition
from tracker.records.state import Progress

Advance = Callable[[Progress, int, int, int], int]
"""Count a touchpoint (its time, all its bits, its stage bits). Returns the step that it serves in the deepest chain
that now ends with it, -1 where no chain does."""
AdvanceOne = Callable[[Progress, int, int], None]
"""Count a touchpoint (its time, its one stage)."""


class Steps:
    """The funnel of one definition as numbers."""

    def __init__(self, definition: Definition) -> None:
        stages = definition.stages
        names = [stage.name for stage in stages]
        self.count: Final = len(stages)
        self.mask: Final = (1 << self.count) - 1
        self.mode: Final = definition.funnel.mode
        self.window: Final = definition.funnel.window_ms
        self.waits: Final = tuple(definition.funnel.step_windows_ms.get(name) for name in names)
        self.has_waits: Final = any(wait is not None for wait in self.waits)
        # A chain may begin at any step that only optional stages precede.
        self.is_entry: Final = tuple(all(stage.optional for stage in stages[:step]) for step in range(self.count))
        # By step: the steps that it may follow, with only optional stages between; the nearest first.
        self.before: Final = tuple(
            tuple(j for j in range(step - 1, -1, -1) if all(stage.optional for stage in stages[j + 1 : step]))
            for step in range(self.count)
        )
        # Of the others the depth says that they were taken. In any order depth counts optional steps like all.
        self.notes: Final = tuple(name in definition.optional_steps for name in names)
        """By step: whether the progress notes that a chain took it."""
        self.breaks: Final = tuple(
            (
                1 << (self.count + 1 + place),
                names.index(exclusion.between[0]) if exclusion.between else 0,
                names.index(exclusion.between[1]) if exclusion.between else self.count,
            )
            for place, exclusion in enumerate(definition.funnel.exclude)
        )
        """By exclusion: its bit, and the steps [low, high) whose chains it ends."""
        self.break_mask: Final = sum(bit for bit, _, _ in self.breaks)
        self.passive: Final = passive_bit(definition)
        """The bit of touchpoints that are not the customer's activity: they may end chains, and lie between no steps
        otherwise."""


def descending(mask: int) -> list[int]:
    """The bits of a mask, from the highest."""
    steps = []
    while mask:
        step = mask.bit_length() - 1
        steps.append(step)
        mask ^= 1 << step
    return steps


def one_by_one(steps: Steps) -> AdvanceOne | None:  # noqa: C901 - a closure, straight when called
    """The function that counts a touchpoint of one stage and no exclusion, as `chained` does, in a third of the time.

    None where the mode or a window by step makes the shortcut wrong.
    """
    if steps.mode != "sequential" or steps.has_waits:
        return None
    window, befores, is_entry, notes = steps.window, steps.before, steps.is_entry, steps.notes
    none: list[int | None] = [None] * steps.count

    def advance(progress: Progress, at: int, step: int) -> None:
        chains = progress.chains
        if not chains:
            progress.chains = chains = none.copy()
        if is_entry[step]:
            chains[step] = 0 if window is None else at
        else:
            found: int | None = None
            for before in befores[step]:
                entry = chains[before]
                if entry is None or (window is not None and at - entry > window):
                    continue
                if found is None or entry > found:
                    found = entry
            if found is None:
                return
            chains[step] = found
        if notes[step]:
            progress.taken |= 1 << step
        if step >= progress.depth:
            progress.depth = step + 1

    return advance


def chained(steps: Steps, *, strict: bool) -> Advance:  # noqa: C901 - closures, straight when called
    """The function that counts in sequential or strict mode.

    `chains` holds by step the entry time of the latest chain that ends there. Where steps have windows of their own,
    the times of the last steps follow in the same order. Without any window every entry time is 0.
    """
    count, window, waits, has_waits = steps.count, steps.window, steps.waits, steps.has_waits
    is_entry, befores, breaks, break_mask = steps.is_entry, steps.before, steps.breaks, steps.break_mask
    notes = steps.notes
    none: list[int | None] = [None] * (count * 2 if has_waits else count)
    single = {1 << step: [step] for step in range(count)}
    timeless = window is None

    def entry_of(chains: list[int | None], step: int, at: int) -> int | None:
        """The latest entry time of a chain that a touchpoint at `at` extends to `step`; None without one."""
        if is_entry[step]:
            return 0 if timeless else at
        found: int | None = None
        wait = waits[step]
        for before in befores[step]:
            entry = chains[before]
            if entry is None or (window is not None and at - entry > window):
                continue
            if wait is not None and at - chains[count + before] > wait:  # type: ignore[operator]
                continue
            if found is None or entry > found:
                found = entry
        return found

    def advance(progress: Progress, at: int, bits: int, stages: int) -> int:  # noqa: C901 - the hot path
        chains = progress.chains or none.copy()
        # All steps are looked up before any is written, so a touchpoint never serves two steps of one chain.
        ended = []
        for step in single.get(stages) or descending(stages):
            entry = entry_of(chains, step, at)
            if entry is not None:
                ended.append((step, entry))
        # Only the chains from before end here: a touchpoint that is both a step and an exclusion serves its step.
        if strict:
            chains = none.copy()
        elif bits & break_mask:
            for bit, low, high in breaks:
                if bits & bit:
                    chains[low:high] = none[low:high]
        progress.chains = chains
        if not ended:
            return -1
        for step, entry in ended:
            chains[step] = entry
            if has_waits:
                chains[count + step] = at
            if notes[step]:
                progress.taken |= 1 << step
        reached = ended[0][0]
        if reached >= progress.depth:
            progress.depth = reached + 1
        return reached

    return advance
