"""A transition: what happened to one customer's journey, from where to where, and why."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "transition/1"

# A closed set: each value is a label of the transition counters.
Kind = Literal["entered", "advanced", "returned", "dropped", "recovered", "completed", "exited", "corrected"]


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cause: a touchpoint and the rule it met, or a deadline that passed."""

    event_id: str | None = None
    type: str | None = None
    channel: str | None = None
    rule: int | None = None
    """Which of the stage's touchpoint rules was met, counted from 0."""


class Transition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step of one customer (or of one instance of a keyed journey)."""

    kind: Kind
    customer: str
    journey: str
    version: int
    instance: str | None = None
    """The value of the journey's `key`, where it has one."""
    origin: str | None = None
    """The stage left; None when the journey begins."""
    stage: str | None = None
    """The stage arrived at, or the one dropped out of."""
    at_ms: int
    """When it happened, in milliseconds since 1970, by the corrected clock."""
    skipped: tuple[str, ...] = ()
    why: Why = Why()
    schema: str = SCHEMA
