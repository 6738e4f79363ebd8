"""The chain: the touchpoints that took a customer to their funnel depth.

Among the deepest chains it is the one that was complete first; among those the one with the latest entry, and then the
one with the earliest steps. PostHog and Mixpanel (with re-entry) choose the same. The fold does not keep the chain:
replays and explanations find it in the log. It knows only entries and steps.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from tracker.engine.any_order import any_order
from tracker.engine.funnel import Steps, chained
from tracker.engine.instant import Instant, State, is_within, must_count_together, together
from tracker.records.log import Entry
from tracker.records.state import Progress


class Link(NamedTuple):
    """One touchpoint of a chain."""

    step: int
    at_ms: int


def chain_of(steps: Steps, entries: Sequence[Entry], depth: int) -> list[Link]:
    """The chain of this depth, in order; empty where the entries hold none (the log may begin too late)."""
    if depth == 0:
        return []
    if steps.passive:
        # What is not the customer's activity lies between no steps, but it may end a chain.
        entries = [entry for entry in entries if not entry.bits & steps.passive or entry.bits & steps.break_mask]
    moments = _until_complete(steps, [_Moment(steps, list(group)) for _, group in groupby(entries, _time)], depth)
    if not moments:
        return []
    if steps.mode == "any":
        return _AnyOrder(steps, moments, depth).find()
    return _InOrder(steps, moments, depth).find()


def seconds_to_reach(chain: Sequence[Link]) -> dict[int, float]:
    """By step: seconds since the touchpoint before it in the chain."""
    return {link.step: (link.at_ms - before.at_ms) / 1000 for before, link in pairwise(chain)}


class _Moment:
    """The entries of one instant."""

    def __init__(self, steps: Steps, entries: Sequence[Entry]) -> None:
        self.at_ms: Final = entries[0].at_ms
        self.bits: Final = [entry.bits for entry in entries]
        bearing = [bits for bits in self.bits if bits & steps.mask]
        self.instant: Final = Instant(steps, bearing)
        self.finishing: Final[dict[State, bool]] = {}
        """The chains within this instant that were looked at, and whether they lead to the end."""
        self._steps = steps
        self._last = 0
        self._is_bare = len(bearing) < len(self.bits)
        for bits in self.bits:
            # What serves no step comes after what does.
            self._last |= 0 if bits & steps.mask else bits

    def ends_at_last(self, standing: int) -> bool:
        """Whether a touchpoint of no step, which comes after the others of the instant, ends a chain there."""
        steps = self._steps
        if steps.mode == "strict":
            return self._is_bare
        return any(self._last & bit and is_within(steps, low, high, standing) for bit, low, high in steps.breaks)

    def passes(self, standing: int) -> bool:
        """Whether a chain there outlives the instant without a link in it."""
        return not self.instant.enders(standing) and not self.ends_at_last(standing)

    def releases(self, state: State) -> bool:
        """Whether a chain with links in this instant outlives it."""
        return self.instant.survives(state) and not self.ends_at_last(state[0])


def _time(entry: Entry) -> int:
    return entry.at_ms


def _until_complete(steps: Steps, moments: list[_Moment], depth: int) -> list[_Moment]:
    """The instants up to the one that first completed a chain of this depth; none where no chain is so deep."""
    progress = Progress(moments[0].at_ms if moments else 0)
    one_by_one = any_order(steps) if steps.mode == "any" else chained(steps, strict=steps.mode == "strict")
    at_once, is_question = together(steps), must_count_together(steps)
    for place, moment in enumerate(moments):
        at, bits = moment.at_ms - progress.zero_ms, moment.bits
        if is_question(bits):
            at_once(progress, at, [one for one in bits if one & steps.mask])
            bits = [one for one in bits if not one & steps.mask]
        for one in bits:
            one_by_one(progress, at, one, one & steps.mask)
            if progress.depth >= depth:
                break
        if progress.depth >= depth:
            return moments[: place + 1]
    return []


class _InOrder:
    """Sequential and strict funnels: from the end back to the latest entry, then forward by the earliest steps."""

    def __init__(self, steps: Steps, moments: list[_Moment], depth: int) -> None:
        self.steps = steps
        self.moments = moments
        self.last = depth - 1
        self.after = [[step for step in range(depth) if before in steps.before[step]] for before in range(depth)]
        # By step: the steps that may follow a chain there and lead to the end, each with the first instant to do so.
        self.open_to: list[dict[int, int]] = [{} for _ in range(depth)]

    def find(self) -> list[Link]:
        window, end_ms = self.steps.window, self.moments[-1].at_ms
        for place in range(len(self.moments) - 1, -1, -1):
            moment = self.moments[place]
            if window is not None and end_ms - moment.at_ms > window:
                break
            for step in range(self.last + 1):
                begun = self._finishing(moment, step, 0) if self.steps.is_entry[step] else set()
                if begun:
                    return self._follow(place, step, begun)
            self._step_back(moment)
        return []

    def _finishing(self, moment: _Moment, step: int, pending: int) -> set[State]:
        """Of the chains whose first link in the instant serves the step: those that lead to the end."""
        return {state for state, _ in moment.instant.begun(step, step, pending) if self._finishes(moment, state)}

    def _finishes(self, moment: _Moment, state: State) -> bool:
        known = moment.finishing.get(state)
        if known is not None:
            return known
        step = state[0]
        if moment is self.moments[-1]:
            finishes = step == self.last
        else:
            finishes = moment.releases(state) and any(
                self._is_soon(moment.at_ms, after, at_ms) for after, at_ms in self.open_to[step].items()
            )
        for after in self.after[step]:
            for then, _ in moment.instant.longer(state, after, after):
                # All are looked at, since the way forward asks for them.
                finishes = self._finishes(moment, then) or finishes
        moment.finishing[state] = finishes
        return finishes

    def _is_soon(self, before_ms: int, step: int, at_ms: int) -> bool:
        wait = self.steps.waits[step]
        return wait is None or at_ms - before_ms <= wait

    def _step_back(self, moment: _Moment) -> None:
        """Make `open_to` what it is for chains that come to this instant."""
        enders = moment.instant.enders
        before: list[dict[int, int]] = []
        for step, behind in enumerate(self.open_to):
            offers = behind if moment is not self.moments[-1] and moment.passes(step) else {}
            for after in self.after[step]:
                if self._finishing(moment, after, enders(step) & enders(after)):
                    offers[after] = moment.at_ms
            before.append(offers)
        self.open_to = before

    def _follow(self, place: int, step: int, alive: set[State]) -> list[Link]:
        """From an entry, take the earliest next touchpoint that leads to the end; of steps at once the first."""
        links = [Link(step, self.moments[place].at_ms)]
        while step != self.last or place != len(self.moments) - 1:
            moment = self.moments[place]
            longer = ((after, self._longer(moment, alive, after)) for after in self.after[step])
            found = next(((after, states) for after, states in longer if states), None)
            while found is None:
                place += 1
                found = self._next(self.moments[place], step, links[-1].at_ms)
            step, alive = found
            links.append(Link(step, self.moments[place].at_ms))
        return links

    @staticmethod
    def _longer(moment: _Moment, alive: set[State], step: int) -> set[State]:
        states = {then for state in alive for then, _ in moment.instant.longer(state, step, step)}
        return {state for state in states if moment.finishing.get(state, False)}

    def _next(self, moment: _Moment, before: int, before_ms: int) -> tuple[int, set[State]] | None:
        """The first step by which a chain goes on in a later instant, if any leads to the end."""
        enders = moment.instant.enders
        for step in self.after[before]:
            if self._is_soon(before_ms, step, moment.at_ms):
                states = self._finishing(moment, step, enders(before) & enders(step))
                if states:
                    return step, states
        return None


class _AnyOrder:
    """Finds the chain of a funnel in any order, trying the latest entry first.

    A depth-first search; `dead` remembers what led nowhere, so no pair of place and steps is tried twice.
    """

    def __init__(self, steps: Steps, moments: list[_Moment], depth: int) -> None:
        self.steps = steps
        self.depth = depth
        self.moments = moments
        self.dead: set[tuple[int, State]] = set()

    def find(self) -> list[Link]:
        for place in range(len(self.moments) - 1, -1, -1):
            self.dead = set()
            for step in range(self.steps.count):
                found = self._link(place, step, (0, 0, 0), self.moments[place].at_ms)
                if found is not None:
                    return found
        return []

    def _link(self, place: int, step: int, state: State, entry_ms: int) -> list[Link] | None:
        """The chain from a link that serves the step in this instant; None where there is none."""
        if state[0] >> step & 1:
            return None
        moment = self.moments[place]
        for then, _ in moment.instant.longer(state, step, state[0] | 1 << step):
            rest = self._follow(place, then, entry_ms)
            if rest is not None:
                return [Link(step, moment.at_ms), *rest]
        return None

    def _follow(self, place: int, state: State, entry_ms: int) -> list[Link] | None:
        """The rest of a chain whose last link is in this instant; None where there is none."""
        met, moment = state[0], self.moments[place]
        if met.bit_count() >= self.depth:
            return []
        if (place, state) in self.dead:
            return None
        found: list[Link] | None = None
        for step in range(self.steps.count):
            found = found or self._link(place, step, state, entry_ms)
        if found is None and moment.releases(state):
            found = self._leave(place, met, entry_ms)
        if found is None:
            self.dead.add((place, state))
        return found

    def _leave(self, place: int, met: int, entry_ms: int) -> list[Link] | None:
        window, last_ms = self.steps.window, self.moments[place].at_ms
        for after in range(place + 1, len(self.moments)):
            moment = self.moments[after]
            if window is not None and moment.at_ms - entry_ms > window:
                break
            for step, wait in enumerate(self.steps.waits):
                if wait is None or moment.at_ms - last_ms <= wait:
                    found = self._link(after, step, (met, 0, moment.instant.enders(met)), entry_ms)
                    if found is not None:
                        return found
            if not moment.passes(met):
                break
        return None
