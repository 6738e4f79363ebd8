"""The touchpoint on the wire: what producers send, and nothing of what becomes of it."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

SCHEMA: Final = "touchpoint/1"
MAX_ID_BYTES: Final = 256
MAX_EVENT_ID_LENGTH: Final = 128
MAX_TOUCHPOINT_BYTES: Final = 256 * 1024

# The order is the strength: the first alias that a touchpoint carries is its message key.
ALIAS_KINDS: Final = ("customer_id", "anonymous_id", "email_sha256", "phone_sha256", "account_id")

Moment = Annotated[datetime, msgspec.Meta(tz=True)] | int


class Touchpoint(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One event of one customer on one channel, digital or physical.

    Unknown fields are kept in the message and never make it invalid.
    """

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EVENT_ID_LENGTH)]
    """Unique for this event; sent again with the same id, it counts once."""
    type: Annotated[str, msgspec.Meta(min_length=1)]
    """What happened, in the producer's words: `page`, `Product Added`, `Order Completed`."""
    channel: str
    """Where it happened: `web`, `shop` or `support`."""
    occurred_at: Moment
    """When it happened by the device's clock: RFC 3339 with an offset, or milliseconds since 1970."""
    ids: dict[str, str | int | None]
    """Whom it belongs to: `customer_id`, `anonymous_id`, `email_sha256`, `phone_sha256`, `account_id`."""
    schema: str = SCHEMA
    """The version of this structure, `touchpoint/1`."""
    sent_at: Moment | None = None
    """The device's clock at the moment of sending; lets a wrong clock be corrected."""
    received_at: Moment | None = None
    """When the collector received it; the broker's timestamp stands in where it is missing."""
    properties: dict[str, Any] | None = None
    """What is particular to the type: amount, currency, product, score."""
    context: dict[str, Any] | None = None
    """Circumstances: segment values, campaign, variant, `physical: true`."""
