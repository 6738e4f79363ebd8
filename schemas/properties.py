"""The names of properties of touchpoints by channel, so that journeys and producers use the same ones.

Each may be left out, and a producer may send others beside them. It knows nothing of types of touchpoints.
"""

from typing import Final, TypedDict


class WebProperties(TypedDict, total=False):
    """Common properties of touchpoints on the channel `web`. All are optional, and others may be added."""

    path: str
    """The path of the page, without the host: `/spring`."""
    title: str
    """The title of the page."""
    referrer: str
    """Where the visitor came from, as a URL."""
    search: str
    """The search words."""
    product: str
    """The product that was viewed or put into the basket: its name or number."""
    category: str
    """The category of the product."""
    price: float
    """The price of one piece, in units of `currency` (not cents)."""
    quantity: float
    """How many pieces."""
    currency: str
    """ISO 4217: `EUR`."""


class ShopProperties(TypedDict, total=False):
    """Common properties of touchpoints on the channel `shop`. All are optional, and others may be added."""

    order_id: str
    """The number of the order; the key of journeys with an instance for each order."""
    status: str
    """The status of the order: `paid`, `shipped`, `refunded`."""
    amount: float
    """The value of the whole order, in units of `currency` (not cents)."""
    currency: str
    """ISO 4217: `EUR`."""
    product: str
    """The product, if the touchpoint is about a single one: its name or number."""
    quantity: float
    """How many pieces."""
    coupon: str
    """The code of the voucher that was used."""
    store: str
    """The shop, if there are several or the touchpoint was physical."""


class SupportProperties(TypedDict, total=False):
    """Common properties of touchpoints on the channel `support`. All are optional, and others may be added."""

    ticket_id: str
    """The number of the ticket; the key of journeys with an instance for each ticket."""
    order_id: str
    """The number of the order that the ticket is about."""
    topic: str
    """The subject of the ticket: `delivery`, `refund`."""
    status: str
    """The status of the ticket: `open`, `solved`."""
    priority: str
    """The urgency of the ticket, in the words of the help desk."""
    score: float
    """A rating as a number on the scale that `scale` names."""
    scale: str
    """The scale of `score`: `nps` (0 to 10), `csat` (1 to 5) or `ces` (1 to 7)."""
    days: float
    """The duration in days, for example until the ticket was solved."""


BY_CHANNEL: Final[dict[str, type]] = {"web": WebProperties, "shop": ShopProperties, "support": SupportProperties}
