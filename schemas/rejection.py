"""A rejection: bytes that were no touchpoint or were not let in, with the reason and the place they came from."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "rejection/1"

# A closed set: each value is a label of `tracker_rejected_total`.
Reason = Literal[
    "not_json",
    "not_a_touchpoint",
    "unknown_schema",
    "no_id",
    "id_too_long",
    "no_time",
    "impossible_time",
    "too_large",
]

# What the collector refuses of touchpoints that could be read: the source may not send them, or has not planned them.
DoorReason = Literal["not_allowed", "plan"]
AnyReason = Literal[Reason, DoorReason]


class Place(msgspec.Struct, frozen=True):
    """Where a record stands in Kafka."""

    topic: str
    """The topic that the record was sent to."""
    partition: int
    """The partition of that topic."""
    offset: int
    """The record's number in that partition; -1: it was refused at the door, on its way there."""


class Rejection(msgspec.Struct, frozen=True):
    """What could not be read as a touchpoint, or was refused at the door; complete enough to be driven again."""

    reason: AnyReason
    """What is wrong, as one word of a closed set."""
    detail: str
    """What is wrong, and where in the document, for a person."""
    place: Place
    """Where the original stands."""
    rejected_at_ms: int
    """When it was rejected, in milliseconds since 1970."""
    value: bytes | None
    """The original bytes (base64 in JSON); addresses and numbers of what was refused at the door are hidden."""
    key: bytes | None = None
    """The original's key (base64 in JSON)."""
    received_at_ms: int | None = None
    """The original's timestamp at the broker: sent again with it, a touchpoint keeps its time."""
    schema: str = SCHEMA
    """The version of this structure, `rejection/1`."""
