"""A transition: what happened to one customer's journey, from where to where, and why."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "transition/1"

# A closed set: each value is a label of the transition counters.
Kind = Literal[
    "entered", "advanced", "returned", "dropped", "recovered", "completed", "exited", "corrected",
    "linked", "unlinked", "conflict", "erased",
]  # fmt: skip


class Why(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The cause: a touchpoint and the rule it met, or a deadline that passed."""

    event_id: str | None = None
    """The touchpoint's own id."""
    type: str | None = None
    """The touchpoint's type."""
    channel: str | None = None
    """The touchpoint's channel."""
    rule: int | None = None
    """Which of the stage's touchpoint rules was met, counted from 0."""
    member: str | None = None
    """Of an account's journey: whose news it was."""


class Transition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One step of one customer (or of one instance of a keyed journey), or a change of who the customer is."""

    kind: Kind
    """What happened, as one word of a closed set."""
    customer: str
    """Whom it happened to."""
    journey: str
    """The journey's name; empty for `linked`, `unlinked`, `conflict` and `erased`, which concern all journeys."""
    version: int
    """The version of the journey's definition; 0 without a journey."""
    instance: str | None = None
    """The value of the journey's `key`, where it has one."""
    origin: str | None = None
    """The stage left; missing when the journey begins."""
    stage: str | None = None
    """The stage arrived at, or the one dropped out of."""
    at_ms: int
    """When it happened, in milliseconds since 1970, by the corrected clock."""
    skipped: tuple[str, ...] = ()
    """The stages between the two that were left out."""
    why: Why = Why()
    """What caused it; empty where a deadline did."""
    alias: str | None = None
    """The alias that was linked, unlinked, claimed by two, or erased."""
    other: str | None = None
    """In a conflict: the customer who claims the alias too, and does not get it."""
    again: bool = False
    """True where it was published before: the tracker has lost its store, or a part of it, and reads its input again.
    Whoever acts on transitions leaves these out."""
    schema: str = SCHEMA
    """The version of this structure, `transition/1`."""
