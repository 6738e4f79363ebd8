"""A touch: a touchpoint as the engine folds it, with its customer and its corrected time."""

from typing import Any

import msgspec


# gc=False: no JSON value can contain itself, so the garbage collector need not visit each touch of a batch.
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
    """Weaker aliases in the same touchpoint: further names of the same customer."""
    account: str | None = None
    """The name of the account in the touchpoint."""
    received_ms: int = 0
    """When it was received (ms since 1970); 0 where nobody says."""
    is_browser: bool = False
    """It came with a browser's key, which anybody can read: what it says is weaker than what a server says."""
