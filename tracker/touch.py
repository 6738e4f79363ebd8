"""A touch: a touchpoint as the engine folds it, with its customer and its corrected time."""

from typing import Any

import msgspec


# No JSON value holds itself, so no touch needs the garbage collector, which would look at each of a batch.
class Touch(msgspec.Struct, gc=False):
    """One touchpoint of one customer, ready to fold."""

    customer: str
    at_ms: int
    """The corrected time, milliseconds since 1970."""
    type: str
    channel: str
    event_id: str
    properties: dict[str, Any]
    context: dict[str, Any]
    device_at_ms: int = 0
    """The device's own, uncorrected time."""
    links: tuple[str, ...] = ()
    """Weaker aliases that came with it: names of the same customer."""
    account: str | None = None
    """The name of the account that it came with."""
