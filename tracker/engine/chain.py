"""The chain: the touchpoints that took a customer to their funnel depth.

Among the deepest chains it is the one that was complete first; among those the one with the latest entry, and then the
one with the earliest steps. PostHog and Mixpanel (with re-entry) choose the same. The fold does not keep the chain:
replays and explanations find it in the log. It knows only entries and steps.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tracker.engine.any_order import any_order
from tracker.engine.funnel import Steps
from tracker.records.log import Entry
from tracker.records.state import Progress

_NEVER: Final = 1 << 62


class Link(NamedTuple):
    """One touchpoint of a chain."""

    step: int
    at_ms: int


def chain_of(steps: Steps, entries: Sequence[Entry], depth: int) -> list[Link]:
    """The chain of this depth, in order; empty where the entries hold none (the log may begin too late)."""
    if depth == 0:
        return []
    if steps.mode == "any":
        return _AnyOrder(steps, entries, depth).find()
    return _InOrder(steps, entries, depth).find()


def seconds_to_reach(chain: Sequence[Link]) -> dict[int, float]:
    """By step: seconds since the touchpoint before it in the chain."""
    return {link.step: (link.at_ms - before.at_ms) / 1000 for before, link in pairwise(chain)}


class _InOrder:
    """Finds the chain of a sequential or strict funnel.

    `ends` is computed from the last entry back, so the search forward never enters a chain that is not completed.
    """

    def __init__(self, steps: Steps, entries: Sequence[Entry], depth: int) -> None:
        self.steps = steps
        self.entries = entries
        self.last = depth - 1
        self.ends = self._ends()

    def _served(self, entry: Entry) -> list[int]:
        return [step for step in range(self.last + 1) if entry.bits >> step & 1]

    def _killed(self, entry: Entry) -> set[int]:
        """The steps such that a chain with this last step is broken when this entry follows it."""
        if self.steps.mode == "strict":
            return set(range(self.last + 1))
        return {
            step
            for bit, low, high in self.steps.breaks
            if entry.bits & bit
            for step in range(low, min(high, self.last + 1))
        }

    def _ends(self) -> list[dict[int, int]]:
        """By entry and the step it serves: the earliest place at which a chain from there is complete."""
        ends: list[dict[int, int]] = [{} for _ in self.entries]
        # By step: the links that may follow a chain whose last step it is, as (time, step, place of completion).
        open_to: list[list[tuple[int, int, int]]] = [[] for _ in range(self.last + 1)]
        for place in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[place]
            for step in self._served(entry):
                end = place if step == self.last else self._earliest(open_to[step], entry.at_ms)
                if end < _NEVER:
                    ends[place][step] = end
            # Going back in time: later links cannot follow a chain across this entry. The entry itself still can.
            for step in self._killed(entry):
                open_to[step] = []
            for step, end in ends[place].items():
                for before in self.steps.before[step]:
                    self._offer(open_to[before], (entry.at_ms, step, end))
        return ends

    def _earliest(self, offers: list[tuple[int, int, int]], at_ms: int) -> int:
        waits = self.steps.waits
        ends = [end for after_ms, step, end in offers if (wait := waits[step]) is None or after_ms - at_ms <= wait]
        return min(ends, default=_NEVER)

    def _offer(self, offers: list[tuple[int, int, int]], offer: tuple[int, int, int]) -> None:
        if self.steps.has_waits:
            offers.append(offer)
        elif not offers or offer[2] < offers[0][2]:
            # Without windows by step any link may follow at any distance, so the earliest completion is enough.
            offers[:] = [offer]

    def find(self) -> list[Link]:
        window = self.steps.window
        entries = [
            (end, -place, step)
            for place, ends in enumerate(self.ends)
            for step, end in ends.items()
            if self.steps.is_entry[step]
            and (window is None or self.entries[end].at_ms - self.entries[place].at_ms <= window)
        ]
        if not entries:
            return []
        # Earliest completion first, then the latest entry: its place is negated.
        end, negative, _ = min(entries)
        begun = {step for one, place, step in entries if one == end and place == negative}
        return self._follow(-negative, begun, end)

    def _follow(self, place: int, begun: set[int], until: int) -> list[Link]:
        """The chain from an entry: always the earliest next touchpoint that still leads to completion at `until`.

        A touchpoint may serve several steps, so the walk carries sets of steps; `_name` chooses among them at the end.
        """
        chosen: list[tuple[int, set[int]]] = [(place, begun)]
        alive = set(begun)
        while place < until:
            place += 1
            entry = self.entries[place]
            here_ms = self.entries[chosen[-1][0]].at_ms
            reached = {
                step
                for step, end in self.ends[place].items()
                if end <= until and any(self._joins(before, step, entry.at_ms - here_ms) for before in alive)
            }
            if reached:
                chosen.append((place, reached))
                alive = set(reached)
            else:
                alive -= self._killed(entry)
        return self._name(chosen)

    def _joins(self, before: int, step: int, wait_ms: int) -> bool:
        limit = self.steps.waits[step]
        return before in self.steps.before[step] and (limit is None or wait_ms <= limit)

    def _name(self, chosen: list[tuple[int, set[int]]]) -> list[Link]:
        """The links of the chain: each touchpoint with the step that it serves, decided from the last back."""
        links: list[Link] = []
        step = self.last
        for place, reached in reversed(chosen):
            if links:
                wait_ms = links[-1].at_ms - self.entries[place].at_ms
                step = max(one for one in reached if self._joins(one, step, wait_ms))
            links.append(Link(step, self.entries[place].at_ms))
        return links[::-1]


class _AnyOrder:
    """Finds the chain of a funnel in any order, trying the latest entry first.

    A depth-first search; `dead` remembers what led nowhere, so no pair of place and steps is tried twice.
    """

    def __init__(self, steps: Steps, entries: Sequence[Entry], depth: int) -> None:
        self.steps = steps
        self.depth = depth
        self.entries = self._until_complete([entry for entry in entries if entry.bits])
        self.dead: set[tuple[int, int]] = set()

    def _until_complete(self, entries: list[Entry]) -> list[Entry]:
        """The entries up to the one that first completed a chain of this depth."""
        advance, progress = any_order(self.steps), Progress(0)
        for place, entry in enumerate(entries):
            advance(progress, entry.at_ms, entry.bits, entry.bits & self.steps.mask)
            if progress.depth >= self.depth:
                return entries[: place + 1]
        return []

    def find(self) -> list[Link]:
        for place in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[place]
            self.dead = set()
            for step in range(self.steps.count):
                if entry.bits >> step & 1:
                    rest = self._follow(place, 1 << step, entry.at_ms)
                    if rest is not None:
                        return [Link(step, entry.at_ms), *rest]
        return []

    def _follow(self, place: int, met: int, entry_ms: int) -> list[Link] | None:
        """The rest of a chain that has met these steps, the last at `place`; None where it cannot be completed."""
        if met.bit_count() >= self.depth:
            return []
        if (place, met) in self.dead:
            return None
        window, last_ms = self.steps.window, self.entries[place].at_ms
        for after in range(place + 1, len(self.entries)):
            entry = self.entries[after]
            if window is not None and entry.at_ms - entry_ms > window:
                break
            for step, wait in enumerate(self.steps.waits):
                if entry.bits >> step & 1 and not met >> step & 1 and (wait is None or entry.at_ms - last_ms <= wait):
                    rest = self._follow(after, met | 1 << step, entry_ms)
                    if rest is not None:
                        return [Link(step, entry.at_ms), *rest]
            if self._ends(entry, met):
                break
        self.dead.add((place, met))
        return None

    def _ends(self, entry: Entry, met: int) -> bool:
        """Whether this touchpoint breaks a chain that has met these steps."""
        return any(
            entry.bits & bit and ((low, high) == (0, self.steps.count) or (met >> low & 1 and not met >> high & 1))
            for bit, low, high in self.steps.breaks
        )
