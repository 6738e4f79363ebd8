"""Segment's HTTP API as tables: which call is which touchpoint, and where its ids and channel come from.

RudderStack's data plane speaks the same. It knows nothing of HTTP.
"""

from typing import Final

# What one call becomes; None: the name of its event.
TYPES: Final[dict[str, str | None]] = {
    "track": None,
    "page": "Page Viewed",
    "screen": "Screen Viewed",
    "identify": "Identified",
    "group": "Grouped",
    "alias": "Aliased",
}
# The paths under which Segment's browser library sends them.
SHORT: Final = {"t": "track", "p": "page", "s": "screen", "i": "identify", "g": "group", "a": "alias", "b": "batch"}

# The first path with a value wins. `email` and `phone` become hashes before anything else sees them.
IDS: Final[dict[str, tuple[str, ...]]] = {
    "customer_id": ("userId",),
    "anonymous_id": ("anonymousId", "previousId"),
    "account_id": ("groupId", "context.groupId"),
    "email": ("traits.email", "context.traits.email", "properties.email"),
    "phone": ("traits.phone", "context.traits.phone", "properties.phone"),
}
# What one call says otherwise: an alias is about the id before.
IDS_OF: Final = {"alias": {"anonymous_id": ("previousId", "anonymousId")}}
MOMENTS: Final = ("timestamp", "originalTimestamp", "sentAt")
# What a call says is in `properties`, or in `traits` where it describes somebody.
PROPERTIES: Final = {"identify": "traits", "group": "traits"}
# Properties of Segment's e-commerce specification under the names that `schemas/properties.py` gives them, by the first
# word of an event: set beside the others where they are missing.
COMMERCE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Order": {"amount": ("total", "revenue", "value")},
    "Checkout": {"amount": ("total", "value", "revenue")},
    "Product": {"product": ("name", "product_id", "sku")},
    "Products": {"search": ("query",)},
}
# An address identifies a person, and traits repeat at each event what `identify` has said.
LEFT_OUT_OF_CONTEXT: Final = frozenset({"ip", "traits"})

# The channel of the events of Segment's e-commerce specification, where it is not the web.
CHANNELS: Final = {
    "Order Completed": "shop",
    "Order Updated": "shop",
    "Order Refunded": "shop",
    "Order Cancelled": "shop",
    "Order Repeated": "shop",
    "Order Delivered": "support",
    "Review Submitted": "support",
    "Ticket Created": "support",
    "Ticket Updated": "support",
    "Ticket Solved": "support",
}
CHANNEL: Final = "web"
