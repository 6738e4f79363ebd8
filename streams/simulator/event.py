"""An event: one message of the simulated stream, with what the simulator knows about it.

The bytes are all that the tracker sees; the rest is for the truth alone.
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
    """Whom it counts for in the end: the same name for all aliases of a customer."""
    event_id: str = ""
    stage: int = NO_STAGE
    """Which step of the journey it is, counted from 0."""
    at_ms: int = 0
    """When it happened, as far as anyone can know: by the right clock, or by its reception where that is clamped."""
    copy: bool = False
    """It was sent before, with the same bytes."""
    poison: str = ""
    """The kind of poison; empty for a touchpoint."""
