"""Transitions: what happened to a journey between two views of it.

It compares what was reported with what is true now, and folds nothing.
"""

from typing import Final, NamedTuple

from schemas.transition import Kind, Transition, Why
from tracker.engine.matcher import rule_names
from tracker.journey.definition import Definition
from tracker.records.log import NO_RULE
from tracker.records.state import Progress
from tracker.touch import Touch

_CLOCK: Final = Why()


class ProgressView(NamedTuple):
    """The part of a progress that is reported (times in milliseconds since 1970)."""

    stage: int
    firsts: tuple[int | None, ...]
    gaps: int
    dropped_ms: int | None
    recovered_ms: int | None
    is_dropped: bool
    exited_ms: int | None
    depth: int
    segments: tuple[int, ...]


def view(progress: Progress) -> ProgressView:
    """The reported part of a progress; equal for equal histories, whatever their `zero_ms`."""
    zero = progress.zero_ms

    def since_1970(at: int | None) -> int | None:
        return None if at is None else zero + at

    return ProgressView(
        progress.stage,
        tuple(since_1970(at) for at in progress.first),
        sum(progress.gaps),
        since_1970(progress.dropped),
        since_1970(progress.recovered),
        progress.is_dropped,
        since_1970(progress.exited),
        progress.depth,
        tuple(progress.segments),
    )


class Before(NamedTuple):
    """The part of a progress before a step that the step's transitions depend on."""

    stage: int
    is_dropped: bool
    exited: int | None
    recovered: int | None
    completed: bool


class TransitionTeller:
    """Makes the transitions of one journey."""

    def __init__(self, definition: Definition) -> None:
        self._journey = definition.journey
        self._version = definition.version
        self._names = tuple(stage.name for stage in definition.stages)
        self._optional = tuple(stage.optional for stage in definition.stages)
        self._goals = tuple(place for place, stage in enumerate(definition.stages) if stage.goal)
        # By rule number, up to NO_RULE: the rule's place in its stage.
        places: list[int | None] = [place for _, place in rule_names(definition)]
        self._rules = [*places[:NO_RULE], *[None] * (NO_RULE + 1)]

    def _name(self, stage: int) -> str | None:
        return self._names[stage] if stage >= 0 else None

    def why(self, touch: Touch, rule: int) -> Why:
        """The cause: the touchpoint and the rule that it met."""
        return Why(touch.event_id, touch.type, touch.channel, self._rules[rule])

    def _make(
        self, kind: Kind, customer: str, instance: str | None, origin: int, stage: int, at_ms: int,
        why: Why = _CLOCK, skipped: tuple[str, ...] = (),
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

    def dropped(self, customer: str, instance: str | None, progress: Progress, at_ms: int) -> Transition:
        """The transition of a customer whose deadline has passed."""
        return self._make("dropped", customer, instance, progress.stage, progress.stage, at_ms)

    def corrected(
        self, customer: str, instance: str | None, before: ProgressView, progress: Progress, touch: Touch, rule: int
    ) -> Transition:
        """The transition of a late touchpoint that changed what had been reported."""
        why = self.why(touch, rule)
        return self._make("corrected", customer, instance, before.stage, progress.stage, touch.at_ms, why)

    def regrouped(
        self, customer: str, instance: str | None, before: ProgressView, progress: Progress, now_ms: int
    ) -> Transition:
        """The transition where an alias' touchpoints came or went, and changed what had been reported."""
        return self._make("corrected", customer, instance, before.stage, progress.stage, now_ms)

    def before(self, progress: Progress) -> Before:
        """A copy of what the next step's transitions are compared with; the step changes the progress in place."""
        completed = self.has_completed(progress)
        return Before(progress.stage, progress.is_dropped, progress.exited, progress.recovered, completed)

    def has_completed(self, progress: Progress) -> bool:
        """Whether a goal was ever reached."""
        first = progress.first
        for goal in self._goals:  # noqa: SIM110 - half the time of `any` over a generator
            if first[goal] is not None:
                return True
        return False

    def move(
        self, customer: str, instance: str | None, was: int, stage: int, progress: Progress, touch: Touch, rule: int
    ) -> Transition:
        """The one transition of a touchpoint that only moved the customer from one stage to another."""
        names = self._names
        # Built without `_make`, because every second touchpoint moves a customer.
        return Transition(
            kind="advanced" if stage > was else "returned",
            customer=customer,
            journey=self._journey,
            version=self._version,
            instance=instance,
            origin=names[was],
            stage=names[stage],
            at_ms=touch.at_ms,
            skipped=self._skipped(progress, was, stage) if stage > was + 1 else (),
            why=Why(touch.event_id, touch.type, touch.channel, self._rules[rule]),
        )

    def step(
        self, customer: str, instance: str | None, before: Before, progress: Progress, touch: Touch, rule: int
    ) -> list[Transition]:
        """The transitions of one touchpoint that came after all others, in the order in which they happened."""
        stage, now_ms, why = progress.stage, touch.at_ms, self.why(touch, rule)
        transitions: list[Transition] = []
        was, was_dropped, was_out = before.stage, before.is_dropped, before.exited is not None
        is_out = progress.exited is not None

        def add(kind: Kind, origin: int, arrived: int, at_ms: int, cause: Why, skipped: tuple[str, ...] = ()) -> None:
            transitions.append(self._make(kind, customer, instance, origin, arrived, at_ms, cause, skipped))

        if progress.recovered != before.recovered:
            # The touchpoint came before the timer: the drop-off is reported now, with its own time.
            if not was_dropped:
                add("dropped", was, was, progress.zero_ms + (progress.dropped or 0), _CLOCK)
            add("recovered", was, was, now_ms, why)
        elif progress.is_dropped and not was_dropped:
            # Taken out of the journey by others, before the timer: the drop-off is reported now, with its own time.
            add("dropped", was, was, progress.zero_ms + (progress.dropped or 0), _CLOCK)
        elif was_dropped and not progress.is_dropped:
            # The clock had reported a drop-off, and then a touchpoint arrived that had happened in time.
            add("corrected", was, stage, now_ms, why)
        if stage >= 0 and (was < 0 or (was_out and not is_out)):
            add("entered", -1, stage, now_ms, why, self._skipped(progress, -1, stage))
        elif stage != was:
            add("advanced" if stage > was else "returned", was, stage, now_ms, why, self._skipped(progress, was, stage))
        if not before.completed and self.has_completed(progress):
            add("completed", was, stage, now_ms, why)
        if is_out and not was_out:
            add("exited", stage, stage, now_ms, why)
        return transitions

    def _skipped(self, progress: Progress, origin: int, stage: int) -> tuple[str, ...]:
        """The stages between the two that were never reached and are not optional."""
        if stage - origin < 2:
            return ()
        first, optional = progress.first, self._optional
        return tuple(
            [self._names[place] for place in range(origin + 1, stage) if first[place] is None and not optional[place]]
        )
