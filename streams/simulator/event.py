"""An event: one message of the simulated stream, with what the simulator knows about it.

The tracker sees only the bytes; the rest is for the truth.
"""

import msgspec

NO_STAGE = -1


class Event(msgspec.Struct, gc=False):
    """One message, ready to be sent."""

    channel: str
    key: bytes
    value: bytes | None
    customer: str = ""
    """The strongest alias that the message carries; empty for poison."""
    person: str = ""
    """The customer for whom it counts in the end: the same name for all aliases of a customer."""
    event_id: str = ""
    stage: int = NO_STAGE
    """Which step of the journey it is, counted from 0."""
    at_ms: int = 0
    """When it happened, as far as it can be known: by the right clock, or when it was received if it is clamped."""
    copy: bool = False
    """Whether it was sent before, with the same bytes."""
    poison: str = ""
    """The kind of poison; empty for a touchpoint."""
