"""Webhooks of shops and help desks as tables: how each sender signs, and the touchpoint of each message.

Another sender is another table. A path such as `customer.id` points into the body, `header:…` to a header. It knows
nothing of HTTP and of hashing.
"""

from typing import Final

import msgspec

Paths = tuple[str, ...]
"""Alternatives: the first path with a value is used."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """HMAC-SHA-256 over the raw body, in base64, in a header."""

    header: str
    timestamp_header: str | None = None
    """A header whose text is signed too, before the body."""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The touchpoint of one kind of message of a sender."""

    topics: tuple[str, ...]
    """The sender's names of the message; the other fields apply to each of them."""
    type: str
    channel: str
    where: dict[str, Paths] = {}
    """By path: the values of which the message must have one."""
    ids: dict[str, Paths] = {}
    """Further paths, tried before those of the sender."""
    properties: dict[str, Paths] = {}
    once: tuple[str, ...] = ()
    """Paths whose values identify the event; if empty, those of the sender."""
    at: tuple[str, ...] = ()


class WebhookSender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form of one sender's messages."""

    signature: Signature | None
    """None: the sender cannot sign, and sends a write key instead."""
    topic: tuple[str, ...]
    """The paths of the name of the message."""
    window_s: int
    """How old a message may be: as long as the sender retries, and no longer, against replay attacks."""
    moment: tuple[str, ...]
    """The paths of the time of the message, if it is signed; empty: the age is not checked."""
    at: tuple[str, ...]
    """The paths of the time of the event."""
    once: tuple[str, ...]
    """Paths whose values identify the event. They are signed and the same in a retry, so that an event counts once."""
    ids: dict[str, Paths]
    root: str = ""
    """The path in the body from which all other paths start."""
    mappings: tuple[Webhook, ...] = ()


DAY_S: Final = 86_400
# The fields kept of each item of an order or cart; others describe the shop's stock.
ITEM: Final = ("product_id", "sku", "title", "name", "quantity", "price", "category")

_ORDER: Final[dict[str, Paths]] = {
    "order_id": ("id",),
    "number": ("name", "number"),
    "amount": ("current_total_price", "total_price", "total"),
    "currency": ("currency",),
    "status": ("financial_status", "status"),
    "items": ("line_items",),
}
_TICKET: Final[dict[str, Paths]] = {
    "ticket_id": ("detail.id", "ticket_id"),
    "status": ("detail.status", "ticket_status"),
    "priority": ("detail.priority", "ticket_priority"),
    "via": ("detail.via.channel", "ticket_source"),
}

SHOPIFY: Final = WebhookSender(
    signature=Signature("x-shopify-hmac-sha256"),
    topic=("header:x-shopify-topic",),
    # Shopify retries for two days.
    window_s=3 * DAY_S,
    moment=("updated_at", "created_at"),
    at=("updated_at", "created_at"),
    once=("id", "updated_at", "created_at"),
    ids={
        "customer_id": ("customer.id",),
        "email": ("email", "customer.email", "contact_email"),
        "phone": ("phone", "customer.phone"),
        "anonymous_id": ("cart_token", "token"),
    },
    mappings=(
        Webhook(topics=("orders/create",), type="Order Placed", channel="shop", at=("created_at",), once=("id",),
                properties=_ORDER),
        Webhook(topics=("orders/paid",), type="Order Completed", channel="shop", properties=_ORDER, once=("id",)),
        Webhook(topics=("orders/cancelled",), type="Order Cancelled", channel="shop", at=("cancelled_at",),
                properties={**_ORDER, "reason": ("cancel_reason",)}, once=("id",)),
        Webhook(topics=("orders/fulfilled",), type="Order Shipped", channel="shop", properties=_ORDER, once=("id",)),
        # `refunds/create` does not name the customer; a changed order does.
        Webhook(topics=("orders/updated",), where={"financial_status": ("refunded", "partially_refunded")},
                type="Order Refunded", channel="shop", properties=_ORDER),
        Webhook(topics=("carts/create", "carts/update"), type="Cart Updated", channel="web",
                properties={"items": ("line_items",), "cart_id": ("id", "token")}),
        Webhook(topics=("checkouts/create", "checkouts/update"), type="Checkout Started", channel="web",
                once=("token",),
                properties={"amount": ("total_price",), "currency": ("currency",), "items": ("line_items",)}),
        Webhook(topics=("customers/create",), type="Account Created", channel="shop", once=("id",),
                ids={"customer_id": ("id",)}, properties={"state": ("state",)}),
    ),
)  # fmt: skip

WOOCOMMERCE: Final = WebhookSender(
    signature=Signature("x-wc-webhook-signature"),
    topic=("header:x-wc-webhook-topic",),
    window_s=3 * DAY_S,
    moment=("date_modified_gmt", "date_created_gmt"),
    at=("date_modified_gmt", "date_created_gmt"),
    once=("id", "date_modified_gmt", "date_created_gmt"),
    ids={"customer_id": ("customer_id",), "email": ("billing.email", "email"), "phone": ("billing.phone",)},
    mappings=(
        Webhook(topics=("order.created", "order.updated"), where={"status": ("processing", "completed")},
                type="Order Completed", channel="shop", at=("date_paid_gmt", "date_created_gmt"), once=("id",),
                properties=_ORDER),
        Webhook(topics=("order.created", "order.updated"), where={"status": ("cancelled", "failed")},
                type="Order Cancelled", channel="shop", once=("id",), properties=_ORDER),
        Webhook(topics=("order.created", "order.updated"), where={"status": ("refunded",)},
                type="Order Refunded", channel="shop", once=("id",), properties=_ORDER),
        Webhook(topics=("order.created",), type="Order Placed", channel="shop", at=("date_created_gmt",), once=("id",),
                properties=_ORDER),
        Webhook(topics=("order.updated",), type="Order Updated", channel="shop", properties=_ORDER),
        Webhook(topics=("customer.created",), type="Account Created", channel="shop", once=("id",),
                ids={"customer_id": ("id",)}, properties={"role": ("role",)}),
    ),
)  # fmt: skip

ZENDESK: Final = WebhookSender(
    signature=Signature("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"),
    topic=("type",),
    window_s=600,
    moment=("header:x-zendesk-webhook-signature-timestamp",),
    at=("time",),
    once=("id",),
    ids={
        "customer_id": ("detail.requester_external_id", "detail.external_id"),
        "account_id": ("detail.organization_id",),
        "email": ("detail.requester_email", "detail.email"),
        # The requester id is Zendesk's own number of a person: no customer_id, but stable.
        "anonymous_id": ("detail.requester_id", "detail.id"),
    },
    mappings=(
        Webhook(topics=("zen:event-type:ticket.created",), type="Ticket Created", channel="support",
                properties=_TICKET),
        Webhook(topics=("zen:event-type:ticket.status_changed",), where={"event.current": ("SOLVED", "solved")},
                type="Ticket Solved", channel="support", properties=_TICKET),
        Webhook(topics=("zen:event-type:ticket.status_changed", "zen:event-type:ticket.comment_added"),
                type="Ticket Updated", channel="support", properties=_TICKET),
        Webhook(topics=("zen:event-type:ticket.csat_score_changed", "zen:event-type:ticket.satisfaction_score_changed"),
                type="Satisfaction Rated", channel="support", properties={**_TICKET, "score": ("event.current",)}),
        Webhook(topics=("zen:event-type:user.created",), type="Account Created", channel="support",
                properties={"role": ("detail.role",)}),
    ),
)  # fmt: skip

# A Freshdesk automation sends a body that its user writes: JSON with these placeholders, see docs/collector.md.
FRESHDESK: Final = WebhookSender(
    signature=None,
    root="freshdesk_webhook",
    topic=("event",),
    window_s=0,
    # Freshdesk's placeholders for times are in a form for people, so they are not read.
    moment=(),
    at=(),
    once=("event", "ticket_id", "ticket_status", "ticket_survey_rating"),
    ids={
        "customer_id": ("customer_id", "ticket_contact_unique_external_id"),
        "email": ("ticket_contact_email", "ticket_requester_email"),
        "phone": ("ticket_contact_phone",),
    },
    mappings=(
        Webhook(topics=("ticket_created",), type="Ticket Created", channel="support", properties=_TICKET),
        Webhook(topics=("ticket_updated",), where={"ticket_status": ("Resolved", "Closed")}, type="Ticket Solved",
                channel="support", properties=_TICKET),
        Webhook(topics=("ticket_updated",), type="Ticket Updated", channel="support", properties=_TICKET),
        Webhook(topics=("survey",), type="Satisfaction Rated", channel="support",
                properties={**_TICKET, "score": ("ticket_survey_rating", "survey_rating")}),
    ),
)  # fmt: skip

SENDERS: Final = {"shopify": SHOPIFY, "woocommerce": WOOCOMMERCE, "zendesk": ZENDESK, "freshdesk": FRESHDESK}
