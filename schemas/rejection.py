"""A rejection: bytes that cannot be read or were refused, with the reason and the place they came from."""

from typing import Final, Literal

import msgspec

SCHEMA: Final = "rejection/1"

# A closed set: each value is a label of `tracker_touchpoints_rejected_total`.
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

# Reasons to set aside a record of `journey.routed`. The first one: it is no message of the tracker. The second one: a
# worker with another version of the program or of a journey wrote it; send it again when all workers know that version.
RoutedReason = Literal["not_routed", "newer_version"]

# Reasons of the collector to put touchpoints aside that are well formed: the source may not send them, they violate its
# tracking plan, they are older than its keys may tell of, or a webhook told of something that is nobody's, such as a
# draft of an order.
DoorReason = Literal["not_allowed", "plan", "too_old", "nobody"]
CollectorReason = Literal[Reason, DoorReason]
# What a worker sets aside: a fault of the tracker met `unforeseen` records, which could be read.
WorkerReason = Literal[Reason, RoutedReason, "unforeseen"]
AnyReason = Literal[CollectorReason, WorkerReason]


class Place(msgspec.Struct, frozen=True):
    """The place of a record in Kafka."""

    topic: str
    """The topic of the record."""
    partition: int
    """The partition of that topic."""
    offset: int
    """The offset in that partition; -1 if the collector refused the touchpoint before it reached Kafka."""


class Rejection(msgspec.Struct, frozen=True):
    """A record that cannot be read, or that the collector refused; complete enough to be sent again."""

    reason: AnyReason
    """The reason, from a closed set of words."""
    detail: str
    """The problem in words, with the place in the document."""
    place: Place
    """The place of the original record."""
    rejected_at_ms: int
    """When it was rejected, in milliseconds since 1970."""
    value: bytes | None
    """The original bytes (base64 in JSON). If the collector refused them, addresses and phone numbers are hidden."""
    key: bytes | None = None
    """The key of the original record (base64 in JSON)."""
    received_at_ms: int | None = None
    """The timestamp of the original record at the broker, in milliseconds since 1970. A record that is sent again with
    this timestamp keeps its time."""
    schema: str = SCHEMA
    """The version of this structure, `rejection/1`."""
