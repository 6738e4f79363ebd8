"""A routed message: something on its way to the partition where its customer is at home."""

from typing import Literal

import msgspec


class Routed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of `journey.routed`, as msgpack; its key is the customer."""

    kind: Literal["touchpoint"]
    value: bytes
    """The touchpoint's original bytes."""
    received_at_ms: int | None = None
    """When the broker first had it: its own timestamp here is later."""
    schema: str = "routed/1"
