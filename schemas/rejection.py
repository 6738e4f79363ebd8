"""A rejection: bytes that were no touchpoint, with the reason and the place they came from."""

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


class Place(msgspec.Struct, frozen=True):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int


class Rejection(msgspec.Struct, frozen=True):
    """What could not be read as a touchpoint, complete enough to be driven again."""

    reason: Reason
    detail: str
    """What is wrong, and where in the document, for a person."""
    place: Place
    rejected_at_ms: int
    value: bytes | None
    """The original bytes (base64 in JSON)."""
    key: bytes | None = None
    received_at_ms: int | None = None
    """The original's timestamp at the broker: sent again with it, a touchpoint keeps its time."""
    schema: str = SCHEMA
