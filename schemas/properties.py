"""What the properties of a touchpoint are called, channel by channel, so that journeys and producers say the same.

All may be left out, and a producer may send others beside them. It knows nothing of types of touchpoints.
"""

from typing import Final, TypedDict


class WebProperties(TypedDict, total=False):
    """Properties that touchpoints of the channel `web` share."""

    path: str
    """The page's path, without the host: `/spring`."""
    title: str
    """The page's title."""
    referrer: str
    """Where the visitor came from, as a URL."""
    search: str
    """What was searched for."""
    product: str
    """The product that was looked at or put into the basket: its name or number."""
    category: str
    """The product's category."""
    price: float
    """The price of one piece, in `currency`."""
    quantity: float
    """How many pieces."""
    currency: str
    """ISO 4217: `EUR`."""


class ShopProperties(TypedDict, total=False):
    """Properties that touchpoints of the channel `shop` share."""

    order_id: str
    """The order's number; the key of journeys that follow each order."""
    status: str
    """How the order stands: `paid`, `shipped`, `refunded`."""
    amount: float
    """The value of the whole order, in `currency`."""
    currency: str
    """ISO 4217: `EUR`."""
    product: str
    """The product, where the touchpoint is about a single one: its name or number."""
    quantity: float
    """How many pieces."""
    coupon: str
    """The voucher that was used."""
    store: str
    """Which shop, where there are several or the touchpoint was physical."""


class SupportProperties(TypedDict, total=False):
    """Properties that touchpoints of the channel `support` share."""

    ticket_id: str
    """The ticket's number; the key of journeys that follow each ticket."""
    order_id: str
    """The order that it is about."""
    topic: str
    """What it is about: `delivery`, `refund`."""
    status: str
    """How the ticket stands: `open`, `solved`."""
    priority: str
    """How urgent it is."""
    score: float
    """A rating as a number; `scale` says which."""
    scale: str
    """What the score is: `nps` (0 to 10), `csat` (1 to 5), `ces` (1 to 7)."""
    days: float
    """How long it took, in days."""


BY_CHANNEL: Final[dict[str, type]] = {"web": WebProperties, "shop": ShopProperties, "support": SupportProperties}
