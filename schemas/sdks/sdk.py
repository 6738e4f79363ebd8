"""What the tables of the SDKs have in common: their form, and the names of facts that all of them send.

It knows nothing of HTTP and of any one SDK.
"""

from typing import Final

import msgspec

Paths = tuple[str, ...]
"""Alternatives: the first path with a value is used."""


class Sdk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The events of one SDK as touchpoints. Whose they are is decided beside the SDK's door."""

    events: dict[str, str]
    """The types of the SDK's own events. Any other event keeps its name."""
    name: Paths
    """Where the name of the event is."""
    id: Paths = ()
    """Where the event's own id is. An event without one gets a digest of what it says."""
    ids: dict[str, Paths] = {}
    """Addresses and proofs of the person: of traits alone, never of an event's properties."""
    properties: Paths
    """Objects whose members become properties; of two members with one name the first one counts."""
    named: dict[str, Paths] = {}
    """Properties from other places."""
    context: dict[str, Paths] = {}
    own: tuple[str, ...] = ()
    """The beginnings of names by which the SDK marks properties of its own; they are left out."""
    left_out: tuple[str, ...] = ()
    """Properties that are left out, such as keys and addresses of machines."""


# Names of the same facts in e-commerce specifications, by the first word of a type. They are set under the names that
# `schemas/properties.py` gives them, beside the others, where those are missing.
_FIRST: Final = ("items.0.", "products.0.")
_ORDER: Final[dict[str, Paths]] = {
    "order_id": ("orderId", "transaction_id", "transactionId", "order_number"),
    "amount": ("total", "revenue", "value", "total_revenue"),
    "currency": ("currency_code", "currencyCode"),
}
_PRODUCT: Final[dict[str, Paths]] = {
    "product": tuple(
        f"{place}{name}"
        for place in ("", *_FIRST)
        for name in ("name", "product_name", "item_name", "product_id", "sku", "item_id")
    ),
    "category": tuple(f"{place}{name}" for place in ("", *_FIRST) for name in ("category", "item_category")),
    "price": tuple(f"{place}price" for place in _FIRST),
    "quantity": tuple(f"{place}quantity" for place in _FIRST),
}
COMMERCE: Final[dict[str, dict[str, Paths]]] = {
    "Order": _ORDER,
    "Checkout": _ORDER,
    "Cart": _ORDER,
    "Payment": _ORDER,
    "Shipping": _ORDER,
    "Product": _PRODUCT,
    "Products": {"search": ("query", "search_term", "term", "terms")},
    "Category": {"category": ("item_list_name", "list_name", "name")},
}
ORDER_NUMBERS: Final = ("order_id", "transaction_id", "orderId")
"""What tells an order from others where its event has no id and no time."""
# Groups that are accounts, the likeliest first. Where an event has one group alone, that one is the account.
ACCOUNTS: Final = ("account", "company", "organization", "organisation", "workspace", "team")
