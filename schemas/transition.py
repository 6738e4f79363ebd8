"""A transition: a change in one customer's journey: its kind, the stages, and the cause."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "transition/1"

# A closed set: each value is a label of the transition counters.
Kind = Literal[
    "entered", "advanced", "returned", "dropped", "recovered", "completed", "exited", "corrected",
    "linked", "unlinked", "conflict", "erased",
]  # fmt: skip


class Why(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The cause: a touchpoint and the rule that it met, or nothing where a deadline passed."""

    event_id: str | None = None
    """The `event_id` of the touchpoint."""
    type: str | None = None
    """The type of the touchpoint."""
    channel: str | None = None
    """The channel of the touchpoint."""
    rule: int | None = None
    """The touchpoint rule of the stage that was met, counted from 0."""
    member: str | None = None
    """For an account's journey: the person whose touchpoint it was."""


class Transition(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One change in the journey of a customer (or in an instance of a keyed journey), or in a customer's identity."""

    kind: Kind
    """The kind of change, from a closed set of words."""
    customer: str
    """The customer."""
    journey: str
    """The name of the journey; empty for `linked`, `unlinked`, `conflict` and `erased`, which concern all journeys."""
    version: int
    """The version of the journey's definition; 0 without a journey."""
    instance: str | None = None
    """The value of the journey's `key`, if it has one."""
    origin: str | None = None
    """The stage before; missing when the journey begins."""
    stage: str | None = None
    """The stage after; for `dropped` the stage in which the customer dropped off."""
    at_ms: int
    """When it happened, in milliseconds since 1970, with the device clock corrected."""
    skipped: tuple[str, ...] = ()
    """The stages between the two that the customer has not reached; optional ones are left out."""
    why: Why = Why()
    """The cause; empty if a deadline passed."""
    alias: str | None = None
    """The alias that was linked, unlinked, claimed by two customers, or erased."""
    other: str | None = None
    """For `conflict`: the other customer, who claims the alias too and does not get it; or the alias that is
    refused, such as a second number of one shop. Missing where `alias` has become suspect: it gathers too much."""
    again: bool = False
    """True if it was published before: Redis was lost, or a part of it, and the tracker reads its input again. Ignore
    these if you act on transitions."""
    schema: str = SCHEMA
    """The version of this structure, `transition/1`."""
