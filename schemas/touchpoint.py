"""The touchpoint on the wire, as producers send it."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

SCHEMA: Final = "touchpoint/1"
MAX_ID_BYTES: Final = 256
MAX_EVENT_ID_LENGTH: Final = 128
MAX_TOUCHPOINT_BYTES: Final = 256 * 1024

# Strongest first: the first alias that a touchpoint carries is the key of its message.
ALIAS_KINDS: Final = ("customer_id", "anonymous_id", "email_sha256", "phone_sha256", "account_id")

Moment = Annotated[datetime, msgspec.Meta(tz=True)] | int


class Touchpoint(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One event of one customer on one channel, digital or physical.

    Unknown fields are kept in the message and never make it invalid.
    """

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EVENT_ID_LENGTH)]
    """The unique id of this event. An event that is sent again with the same id counts once."""
    type: Annotated[str, msgspec.Meta(min_length=1)]
    """What happened, in the producer's words: `page`, `Product Added`, `Order Completed`."""
    channel: str
    """Where it happened: `web`, `shop` or `support`."""
    occurred_at: Moment
    """When it happened, by the clock of the device: RFC 3339 with an offset, or milliseconds since 1970."""
    ids: dict[str, str | int | None]
    """The ids of the customer: `customer_id`, `anonymous_id`, `email_sha256`, `phone_sha256`, `account_id`, and the
    number that a system gave, named by the system's word and the source: `woocommerce_customer@shop-se`. At least one
    is needed. All of them but `account_id` are taken for ids of one person."""
    schema: str = SCHEMA
    """The version of this structure, `touchpoint/1`."""
    sent_at: Moment | None = None
    """The clock of the device when it sent the event. With it a wrong device clock is corrected."""
    received_at: Moment | None = None
    """When the collector received it. If it is missing, the broker's timestamp is used."""
    properties: dict[str, Any] | None = None
    """Facts that belong to the type: amount, currency, product, score."""
    context: dict[str, Any] | None = None
    """Circumstances: segment values, campaign, variant, `physical: true`."""
    trust: Literal["browser"] | None = None
    """`browser`: it came with a key that anybody can read on a page. The collector sets it; left out, a server sent it.
    Whatever else it holds is refused."""
