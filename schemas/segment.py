"""Segment's HTTP API as tables: the touchpoint of each call, and the paths of its ids and channel.

RudderStack's data plane has the same API. It knows nothing of HTTP.
"""

from typing import Final

# By call: the type of its touchpoint; None: the name of its event.
TYPES: Final[dict[str, str | None]] = {
    "track": None,
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Grouped",
    "alias": "Aliased",
}
# By short path, which Segment's browser library uses: the call.
SHORT: Final = {"t": "track", "p": "page", "s": "screen", "i": "identify", "g": "group", "a": "alias", "b": "batch"}

# The first path with a value wins. `email` and `phone` become hashes before anything else sees them.
IDS: Final[dict[str, tuple[str, ...]]] = {
    "customer_id": ("userId",),
    "anonymous_id": ("anonymousId", "previousId"),
    "account_id": ("groupId", "context.groupId"),
    "email": ("traits.email", "context.traits.email", "properties.email"),
    "phone": ("traits.phone", "context.traits.phone", "properties.phone"),
}
# Exceptions by call: `alias` is about the previous id.
IDS_OF: Final = {"alias": {"anonymous_id": ("previousId", "anonymousId")}}
MOMENTS: Final = ("timestamp", "originalTimestamp", "sentAt")
# Calls that describe somebody have their properties in `traits`.
PROPERTIES: Final = {"identify": "traits", "group": "traits"}
# Properties of Segment's e-commerce specification under the names that `schemas/properties.py` gives them, by the first
# word of an event: set beside the others where they are missing.
COMMERCE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Order": {"amount": ("total", "revenue", "value")},
    "Checkout": {"amount": ("total", "value", "revenue")},
    "Product": {"product": ("name", "product_id", "sku")},
    "Products": {"search": ("query",)},
}
# An IP address identifies a person, and traits repeat in each event what `identify` has sent.
LEFT_OUT_OF_CONTEXT: Final = frozenset({"ip", "traits"})

# By event of Segment's e-commerce specification: the channel, if it is not the web.
CHANNELS: Final = {
    "Order Completed": "shop",
    "Order Updated": "shop",
    "Order Refunded": "shop",
    "Order Cancelled": "shop",
    "Order Repeated": "shop",
    "Order Delivered": "shop",
    "Review Submitted": "support",
    "Ticket Opened": "support",
    "Ticket Updated": "support",
    "Ticket Solved": "support",
}
CHANNEL: Final = "web"
