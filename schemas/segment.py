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

# The first path with a value wins. `email` and `phone` become hashes before anything else sees them. An address in the
# properties of an event, or in the traits of a group, may be anybody's (a friend's, a company's): it is nobody's id.
# `user_hash` proves the customer's id where a browser's key sends it.
IDS: Final[dict[str, tuple[str, ...]]] = {
    "customer_id": ("userId",),
    "anonymous_id": ("anonymousId", "previousId"),
    "account_id": ("groupId", "context.groupId"),
    "email": ("context.traits.email",),
    "phone": ("context.traits.phone",),
    "user_hash": ("context.user_hash", "context.traits.user_hash"),
}
# Exceptions by call: the traits of `identify` are the person's own; `alias` is about the previous id.
IDS_OF: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "identify": {
        "email": ("traits.email", "context.traits.email"),
        "phone": ("traits.phone", "context.traits.phone"),
        "user_hash": ("context.user_hash", "traits.user_hash", "context.traits.user_hash"),
    },
    "alias": {"anonymous_id": ("previousId", "anonymousId")},
}
MOMENTS: Final = ("timestamp", "originalTimestamp", "sentAt")
# Calls that describe somebody have their properties in `traits`. RudderStack's libraries send those of `identify` in
# the context. Of two places the first one counts for each property.
PROPERTIES: Final[dict[str, tuple[str, ...]]] = {
    "identify": ("traits", "context.traits"),
    "group": ("traits",),
}
# By call: fields beside the properties that belong among them, where the properties lack them.
NAMED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "page": {
        "name": ("name",),
        "category": ("category",),
        "path": ("context.page.path",),
        "title": ("context.page.title",),
        "referrer": ("context.page.referrer",),
    },
    "screen": {"name": ("name",), "category": ("category",)},
}
# Where the path of a page comes from if it is not said: the first of these that is a URL.
URLS: Final[dict[str, tuple[str, ...]]] = {"page": ("properties.url", "context.page.url")}
# Properties of Segment's e-commerce specification under the names that `schemas/properties.py` gives them, by the first
# word of an event (the second after `Wishlist`): set beside the others where they are missing.
COMMERCE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Order": {"amount": ("total", "revenue", "value")},
    "Checkout": {"amount": ("total", "value", "revenue")},
    "Product": {"product": ("name", "product_id", "sku")},
    "Products": {"search": ("query",)},
}
BEFORE_COMMERCE: Final = "Wishlist "
# An IP address identifies a person, and traits repeat in each event what `identify` has sent. A proof is not kept.
LEFT_OUT_OF_CONTEXT: Final = frozenset({"ip", "traits", "user_hash"})
LEFT_OUT_OF_PROPERTIES: Final = frozenset({"user_hash"})

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
