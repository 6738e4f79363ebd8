"""Shifts: what happened to a journey between two views of it, told as transitions.

It compares what was reported with what holds now; it folds nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.transition import Kind, Transition, Why
from tracker.definition import Definition
from tracker.matcher import NO_RULE, rule_names
from tracker.state import Progress
from tracker.touch import Touch


class View(NamedTuple):
    """What reports are made of, taken before a touchpoint changes it (times since 1970)."""

    stage: int
    furthest: int
    firsts: tuple[int | None, ...]
    gaps: tuple[int, ...]
    dropped_ms: int | None
    recovered_ms: int | None
    is_dropped: bool
    exited_ms: int | None
    completed_ms: int | None
    depth: int
    segments: tuple[int, ...]


def view(progress: Progress) -> View:
    """What is to be seen of a progress; equal for equal histories, whatever moment they count from."""
    zero = progress.zero_ms

    def since_1970(at: int | None) -> int | None:
        return None if at is None else zero + at

    return View(
        progress.stage,
        progress.furthest,
        tuple(since_1970(at) for at in progress.first),
        tuple(progress.gaps),
        since_1970(progress.dropped),
        since_1970(progress.recovered),
        progress.is_dropped,
        since_1970(progress.exited),
        since_1970(progress.completed),
        progress.depth,
        tuple(progress.segments),
    )


class Teller:
    """Tells the transitions of one journey."""

    def __init__(self, definition: Definition) -> None:
        self._journey = definition.journey
        self._version = definition.version
        self._names = tuple(stage.name for stage in definition.stages)
        self._optional = tuple(stage.optional for stage in definition.stages)
        self._rules = rule_names(definition)

    def _name(self, stage: int) -> str | None:
        return self._names[stage] if stage >= 0 else None

    def why(self, touch: Touch, rule: int) -> Why:
        """The touchpoint as a cause."""
        place = self._rules[rule][1] if rule < NO_RULE and rule < len(self._rules) else None
        return Why(touch.event_id, touch.type, touch.channel, place)

    def _make(
        self, kind: Kind, customer: str, instance: str | None, origin: int, stage: int, at_ms: int,
        why: Why = Why(), skipped: tuple[str, ...] = (),
    ) -> Transition:  # fmt: skip
        return Transition(
            kind=kind,
            customer=customer,
            journey=self._journey,
            version=self._version,
            instance=instance,
            origin=self._name(origin),
            stage=self._name(stage),
            at_ms=at_ms,
            skipped=skipped,
            why=why,
        )

    def dropped(self, customer: str, instance: str | None, progress: Progress) -> Transition:
        """The clock passed the deadline."""
        at_ms = progress.zero_ms + (progress.dropped or 0)
        return self._make("dropped", customer, instance, progress.stage, progress.stage, at_ms)

    def corrected(
        self, customer: str, instance: str | None, before: View, progress: Progress, touch: Touch, rule: int
    ) -> Transition:
        """A late touchpoint changed what had been reported."""
        why = self.why(touch, rule)
        return self._make("corrected", customer, instance, before.stage, progress.stage, touch.at_ms, why)

    def step(
        self, customer: str, instance: str | None, before: View, progress: Progress, touch: Touch, rule: int
    ) -> Iterator[Transition]:
        """What one touchpoint that came after all others did."""
        why = self.why(touch, rule)
        now = progress.zero_ms + progress.last
        was, stage = before.stage, progress.stage
        zero = progress.zero_ms
        if progress.gaps and sum(progress.gaps) > sum(before.gaps):
            if not before.is_dropped:
                yield self._make("dropped", customer, instance, was, was, zero + (progress.dropped or 0))
            yield self._make("recovered", customer, instance, was, was, now, why)
        exited = progress.exited is not None
        if stage >= 0 and (was < 0 or (before.exited_ms is not None and not exited)):
            yield self._make("entered", customer, instance, -1, stage, now, why, self._skipped(progress, -1, stage))
        elif stage != was:
            kind: Kind = "advanced" if stage > was else "returned"
            yield self._make(kind, customer, instance, was, stage, now, why, self._skipped(progress, was, stage))
        if progress.completed is not None and before.completed_ms is None:
            yield self._make("completed", customer, instance, was, stage, now, why)
        if exited and before.exited_ms is None:
            yield self._make("exited", customer, instance, stage, stage, now, why)

    def _skipped(self, progress: Progress, origin: int, stage: int) -> tuple[str, ...]:
        """The stages between, which were never reached and are not optional."""
        return tuple(
            self._names[place]
            for place in range(origin + 1, stage)
            if progress.first[place] is None and not self._optional[place]
        )
