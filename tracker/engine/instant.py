"""One instant: what several touchpoints of one moment do to a funnel, in whatever order takes it furthest.

Touchpoints that each mean one stage count in stage order, one by one, and need nothing of this. It is for those that
serve several steps, for strict funnels, and for touchpoints that serve a step and end chains too: which order is best
depends on all of them. Every way to lengthen a chain with them is tried, touchpoints that meet the same rules as one
kind (docs/decisions/0021-one-instant.md).
"""

from collections.abc import Callable, Sequence
from typing import Final

from tracker.engine.any_order import best_chains
from tracker.engine.funnel import Steps
from tracker.records.state import Progress

Together = Callable[[Progress, int, list[int]], list[int]]
"""Take touchpoints of one instant (its time, the bits of each, each of at least one stage) in; by touchpoint the stage
that it counts for."""
State = tuple[int, int, int]
"""A chain within an instant: where it stands (its last step; in any order, the steps met), how many touchpoints of each
kind it has used, and the kinds that would have ended it at every place that it has passed."""
Path = tuple[tuple[int, int], ...]
"""The links of a chain within an instant: the step, and the place of the touchpoint."""

USED_BITS: Final = 8
"""The width of a count of used touchpoints: a chain uses at most one a step, and there are at most 62 steps."""
MOST_STATES: Final = 1_000
"""More ways than this after one link are cut, in a fixed order. Only tens of different touchpoints at one instant have
so many; without a limit, they could stop a partition."""


class Instant:
    """The touchpoints of one instant, by kind: what serves the same steps and ends the same chains is one kind."""

    def __init__(self, steps: Steps, bits: Sequence[int]) -> None:
        relevant = steps.mask | steps.break_mask
        self.kind_of: Final[list[int]] = []
        self.places: Final[list[list[int]]] = []
        """By kind: the places of its touchpoints."""
        kinds: dict[int, int] = {}
        for place, one in enumerate(bits):
            kind = kinds.setdefault(one & relevant, len(kinds))
            if kind == len(self.places):
                self.places.append([])
            self.places[kind].append(place)
            self.kind_of.append(kind)
        self.serving: Final = [[kind for one, kind in kinds.items() if one >> step & 1] for step in range(steps.count)]
        """By step: the kinds that serve it."""
        self._steps = steps
        self._all = (1 << len(kinds)) - 1
        self._breaks = [
            (low, high, sum(1 << kind for one, kind in kinds.items() if one & bit)) for bit, low, high in steps.breaks
        ]

    def enders(self, standing: int) -> int:
        """The kinds, as bits, that end a chain which stands there."""
        steps = self._steps
        if steps.mode == "strict":
            return self._all
        found = 0
        for low, high, kinds in self._breaks:
            if kinds and is_within(steps, low, high, standing):
                found |= kinds
        return found

    def longer(self, state: State, step: int, standing: int) -> list[tuple[State, tuple[int, int]]]:
        """The chains that this one becomes with a touchpoint more, which serves the step; each with its new link."""
        _, used, pending = state
        pending &= self.enders(standing) if pending else 0
        found = []
        for kind in self.serving[step]:
            shift = USED_BITS * kind
            taken = used >> shift & 0xFF
            if taken < len(self.places[kind]):
                found.append(((standing, used + (1 << shift), pending), (step, self.places[kind][taken])))
        return found

    def begun(self, step: int, standing: int, pending: int) -> list[tuple[State, tuple[int, int]]]:
        """The chains whose first link in this instant serves the step."""
        return self.longer((standing, 0, pending), step, standing)

    def survives(self, state: State) -> bool:
        """Whether the chain outlives the instant: what would have ended it at every place is part of it."""
        _, used, pending = state
        kind = 0
        while pending:
            if pending & 1 and used >> USED_BITS * kind & 0xFF < len(self.places[kind]):
                return False
            pending >>= 1
            kind += 1
        return True


def is_within(steps: Steps, low: int, high: int, standing: int) -> bool:
    """Whether an exclusion over the steps [low, high) ends a chain that stands there."""
    if steps.mode != "any":
        return low <= standing < high
    return (low, high) == (0, steps.count) or (standing >> low & 1 == 1 and standing >> high & 1 == 0)


def must_count_together(steps: Steps) -> Callable[[Sequence[int]], bool]:
    """A function that says of the bits of one instant's touchpoints whether their order is a question."""
    mask, break_mask = steps.mask, steps.break_mask
    by_set = steps.mode == "any" and (steps.has_waits or bool(steps.breaks))
    never, always = steps.mode == "any" and not by_set, by_set or steps.mode == "strict"

    def is_question(bits: Sequence[int]) -> bool:
        if never:
            return False
        bearing = [one for one in bits if one & mask]
        if len(bearing) < 2:
            return False
        return always or any(one & break_mask or (one & mask) & ((one & mask) - 1) for one in bearing)

    return is_question


class _Ways:
    """All chains that end within an instant, found link by link."""

    def __init__(self, instant: Instant, nexts: Callable[[int], list[tuple[int, int]]], in_order: bool) -> None:
        self.instant = instant
        self.found: dict[State, tuple[int, Path]] = {}
        """By chain: the latest entry, and the first of the paths."""
        self._nexts = nexts
        self._in_order = in_order
        self._layer: dict[State, tuple[int, Path]] = {}
        self._ends: dict[int, tuple[int, int]] = {}

    def depth(self, standing: int) -> int:
        """How deep a chain is that stands there."""
        return standing + 1 if self._in_order else standing.bit_count()

    def begin(self, step: int, standing: int, pending: int, entry: int) -> None:
        """Offer a chain whose first link in this instant serves the step."""
        for state, link in self.instant.begun(step, standing, pending):
            self._offer(self._layer, state, entry, (link,))

    def spread(self) -> None:
        """Lengthen what was offered until nothing moves."""
        while self._layer:
            layer = self._layer
            self.found.update(layer)
            self._layer = {}
            for state, (entry, path) in layer.items():
                for step, standing in self._nexts(state[0]):
                    for then, link in self.instant.longer(state, step, standing):
                        self._offer(self._layer, then, entry, (*path, link))
            if len(self._layer) > MOST_STATES:
                kept = sorted(self._layer, key=lambda one: (-self.depth(one[0]), one))[:MOST_STATES]
                self._layer = {state: self._layer[state] for state in kept}

    def _offer(self, layer: dict[State, tuple[int, Path]], state: State, entry: int, path: Path) -> None:
        step, place = path[-1]
        end, kind = (self.depth(state[0]), step), self.instant.kind_of[place]
        self._ends[kind] = max(end, self._ends.get(kind, end))
        known = layer.get(state)
        layer[state] = (entry, path) if known is None else (max(entry, known[0]), min(path, known[1]))

    def deepest(self) -> int:
        """How deep the deepest chain is; 0 where there is none."""
        return max((self.depth(standing) for standing, _, _ in self.found), default=0)

    def survivors(self) -> dict[int, int]:
        """By where they stand: the latest entry of the chains that outlive the instant."""
        entries: dict[int, int] = {}
        for state, (entry, _) in self.found.items():
            known = entries.get(state[0])
            if (known is None or entry > known) and self.instant.survives(state):
                entries[state[0]] = entry
        return entries

    def stages(self, masks: Sequence[int]) -> list[int]:
        """By touchpoint the stage that it counts for, by its stages.

        It is the step that it serves in the deepest chain, of several the one with the most links; for the others the
        furthest step at which a chain as deep as can be ends with it, else the first that it matches.
        """
        deepest = self.deepest()
        paths = [path for (standing, _, _), (_, path) in self.found.items() if self.depth(standing) == deepest]
        taken = {place: step for step, place in min(paths, key=lambda path: (-len(path), path), default=())}
        found = []
        for place, mask in enumerate(masks):
            end = self._ends.get(self.instant.kind_of[place])
            alone = (mask & -mask).bit_length() - 1
            if mask & (mask - 1) and end is not None:
                alone = end[1]
            found.append(taken.get(place, alone))
        return found


def together(steps: Steps) -> Together:
    """The function that counts touchpoints of one instant whose order is a question."""
    return _together_by_sets(steps) if steps.mode == "any" else _together_in_order(steps)


def successors(steps: Steps) -> list[list[tuple[int, int]]]:
    """By step: those that may follow it in a chain, each with where the chain then stands, which is the same."""
    return [[(step, step) for step in range(steps.count) if before in steps.before[step]]
            for before in range(steps.count)]  # fmt: skip


def _together_in_order(steps: Steps) -> Together:
    """Sequential and strict funnels. `chains` is as in `tracker/engine/funnel.py`."""
    count, window, waits, has_waits = steps.count, steps.window, steps.waits, steps.has_waits
    after = successors(steps)
    size = count * 2 if has_waits else count

    def start(ways: _Ways, chains: list[int | None], step: int, at: int) -> None:
        """The chains whose first link in this instant is this step."""
        if steps.is_entry[step]:
            ways.begin(step, step, 0, 0 if window is None else at)
        else:
            offer(ways, chains, step, at)

    def offer(ways: _Ways, chains: list[int | None], step: int, at: int) -> None:
        """The chains that reach this instant and go on in it with this step."""
        wait = waits[step]
        for before in steps.before[step]:
            entry = chains[before]
            if entry is None or (window is not None and at - entry > window):
                continue
            if wait is not None and at - chains[count + before] > wait:  # type: ignore[operator]
                continue
            pending = ways.instant.enders(before) & ways.instant.enders(step)
            ways.begin(step, step, pending, entry)

    def count_together(progress: Progress, at: int, bits: list[int]) -> list[int]:
        chains = progress.chains or [None] * size
        instant = Instant(steps, bits)
        ways = _Ways(instant, lambda step: after[step], in_order=True)
        for step in range(count):
            start(ways, chains, step, at)
        ways.spread()
        progress.chains = _left(steps, instant, chains, ways.survivors(), at)
        progress.depth = max(progress.depth, ways.deepest())
        for standing, _, _ in ways.found:
            progress.taken |= steps.notes[standing] << standing
        return ways.stages([one & steps.mask for one in bits])

    return count_together


def _left(
    steps: Steps, instant: Instant, before: list[int | None], survivors: dict[int, int], at: int
) -> list[int | None]:
    """The chains that are open after the instant: its own, and those before it that nothing in it ends."""
    chains, last = before[: steps.count], before[steps.count :]
    for step in range(steps.count):
        if step in survivors:
            # Its last link is later than that of the chain before, and its entry is no earlier.
            chains[step] = survivors[step]
        elif instant.enders(step):
            chains[step] = None
        if last and (step in survivors or chains[step] is None):
            last[step] = at if step in survivors else None
    return [*chains, *last]


def _together_by_sets(steps: Steps) -> Together:
    """Funnels in any order, with exclusions or windows by step. `chains` is as in `tracker/engine/any_order.py`."""
    window, waits = steps.window, steps.waits

    def nexts(met: int) -> list[tuple[int, int]]:
        return [(step, met | 1 << step) for step in range(steps.count) if not met >> step & 1]

    def count_together(progress: Progress, at: int, bits: list[int]) -> list[int]:
        flat = progress.chains
        chains: list[tuple[int, int, int]] = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))  # type: ignore[arg-type]
        if window is not None:
            chains = [one for one in chains if at - one[1] <= window]
        instant = Instant(steps, bits)
        ways = _Ways(instant, nexts, in_order=False)
        for step in range(steps.count):
            ways.begin(step, 1 << step, 0, at)
            wait = waits[step]
            for met, entry, last in chains:
                if not met >> step & 1 and (wait is None or at - last <= wait):
                    then = met | 1 << step
                    ways.begin(step, then, instant.enders(met) & instant.enders(then), entry)
        ways.spread()
        now = at if steps.has_waits else 0
        longer = [(met, entry, now) for met, entry in ways.survivors().items()]
        kept = [one for one in chains if not instant.enders(one[0])]
        progress.chains = [part for one in best_chains([*longer, *kept]) for part in one]
        progress.depth = max(progress.depth, ways.deepest())
        return ways.stages([one & steps.mask for one in bits])

    return count_together
