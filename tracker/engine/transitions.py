"""Transitions: what happened to a journey between two views of it.

It compares what was reported with what holds now; it folds nothing.
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
    """What has been reported of a progress (times since 1970)."""

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
    """What is to be seen of a progress; equal for equal histories."""
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
    """The little of a progress that a step's transitions depend on."""

    stage: int
    is_dropped: bool
    exited: int | None
    recovered: int | None
    completed: bool


class TransitionTeller:
    """Tells the transitions of one journey."""

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
        """The touchpoint as a cause."""
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
        """The clock passed the deadline."""
        return self._make("dropped", customer, instance, progress.stage, progress.stage, at_ms)

    def corrected(
        self, customer: str, instance: str | None, before: ProgressView, progress: Progress, touch: Touch, rule: int
    ) -> Transition:
        """A late touchpoint changed what had been reported."""
        why = self.why(touch, rule)
        return self._make("corrected", customer, instance, before.stage, progress.stage, touch.at_ms, why)

    def regrouped(
        self, customer: str, instance: str | None, before: ProgressView, progress: Progress, now_ms: int
    ) -> Transition:
        """Touchpoints of another alias joined the customer's, or left them."""
        return self._make("corrected", customer, instance, before.stage, progress.stage, now_ms)

    def before(self, progress: Progress) -> Before:
        """What to compare a progress with after its next step, which changes it in place."""
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
        """What a touchpoint did that moved the customer from a stage to another and did nothing else."""
        names = self._names
        # Straight, since every other touchpoint moves someone.
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
        """What one touchpoint that came after all others did."""
        stage, now_ms, why = progress.stage, touch.at_ms, self.why(touch, rule)
        told: list[Transition] = []
        was, was_dropped, was_out = before.stage, before.is_dropped, before.exited is not None
        is_out = progress.exited is not None

        def tell(kind: Kind, origin: int, arrived: int, at_ms: int, cause: Why, skipped: tuple[str, ...] = ()) -> None:
            told.append(self._make(kind, customer, instance, origin, arrived, at_ms, cause, skipped))

        if progress.recovered != before.recovered:
            if not was_dropped:
                tell("dropped", was, was, progress.zero_ms + (progress.dropped or 0), _CLOCK)
            tell("recovered", was, was, now_ms, why)
        elif was_dropped:
            # The clock had gone ahead of a touchpoint that happened in time.
            tell("corrected", was, stage, now_ms, why)
        if stage >= 0 and (was < 0 or (was_out and not is_out)):
            tell("entered", -1, stage, now_ms, why, self._skipped(progress, -1, stage))
        elif stage != was:
            tell(
                "advanced" if stage > was else "returned", was, stage, now_ms, why, self._skipped(progress, was, stage)
            )
        if not before.completed and self.has_completed(progress):
            tell("completed", was, stage, now_ms, why)
        if is_out and not was_out:
            tell("exited", stage, stage, now_ms, why)
        return told

    def _skipped(self, progress: Progress, origin: int, stage: int) -> tuple[str, ...]:
        """The stages between, which were never reached and are not optional."""
        if stage - origin < 2:
            return ()
        first, optional = progress.first, self._optional
        return tuple(
            [self._names[place] for place in range(origin + 1, stage) if first[place] is None and not optional[place]]
        )
