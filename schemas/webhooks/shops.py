"""Webhooks of shops: Shopify, WooCommerce, Ecwid.

Shopify and WooCommerce name a message in a header that they do not sign, so the body must agree with it. Ecwid signs
nothing but the id and the time of an event.
"""

from typing import Final

from schemas.webhooks.form import (
    ANY,
    BY_BUSINESS,
    DAY_S,
    LARGE_BYTES,
    NONE,
    Conditions,
    Signature,
    Values,
    Webhook,
    WebhookSender,
)

_ORDER: Final[Values] = {
    "order_id": "id",
    "number": ("name", "number"),
    "amount": ("current_total_price", "total_price", "total"),
    "currency": "currency",
    "status": ("financial_status", "status"),
    "items": "line_items",
}
# What says that a body of Shopify is an order, and that it is none.
_IS_ORDER: Final[Conditions] = {"financial_status": (ANY,)}
_NO_ORDER: Final[Conditions] = {"financial_status": (NONE,)}
# A cart or a checkout; products, customers and fulfilments have no token.
_IS_CART: Final[Conditions] = {**_NO_ORDER, "token": (ANY,)}
# WooCommerce saves orders that somebody is still writing. They are no orders yet.
_DRAFTS: Final[Conditions] = {"status": ("auto-draft", "checkout-draft", "draft", "trash")}

SHOPIFY: Final = WebhookSender(
    signature=Signature(header="x-shopify-hmac-sha256"),
    most_bytes=LARGE_BYTES,
    topic=("header:x-shopify-topic",),
    # Shopify retries for two days.
    window_s=3 * DAY_S,
    moment=("updated_at", "created_at"),
    at=("updated_at", "created_at"),
    once=("id", "updated_at", "created_at"),
    ids={
        "shopify_customer@": ("customer.id",),
        "email": ("email", "customer.email", "contact_email"),
        "phone": ("phone", "customer.phone"),
        # The token of an order is new with each order; that of the cart leads to the visit.
        "anonymous_id": ("cart_token",),
    },
    mappings=(
        Webhook(topics=("orders/create",), agrees=_IS_ORDER, type="Order Placed", channel="shop", at=("created_at",),
                once=("id",), properties=_ORDER),
        Webhook(topics=("orders/paid",), agrees={"financial_status": ("paid", "partially_refunded", "refunded")},
                type="Order Completed", channel="shop", properties=_ORDER, once=("id",)),
        Webhook(topics=("orders/cancelled",), agrees={**_IS_ORDER, "cancelled_at": (ANY,)}, type="Order Cancelled",
                channel="shop", at=("cancelled_at",), properties={**_ORDER, "reason": "cancel_reason"}, once=("id",)),
        Webhook(topics=("orders/fulfilled",), agrees={**_IS_ORDER, "fulfillment_status": ("fulfilled",)},
                type="Order Shipped", channel="shop", properties=_ORDER, once=("id",)),
        # `refunds/create` does not name the customer; a changed order does. A refund changes what the order is worth; a
        # note that somebody adds later does not.
        Webhook(topics=("orders/updated",), where={"financial_status": ("refunded", "partially_refunded")},
                type="Order Refunded", channel="shop", properties=_ORDER,
                once=("id", "financial_status", "current_total_price|updated_at")),
        Webhook(topics=("carts/create", "carts/update"), agrees={**_IS_CART, "abandoned_checkout_url": (NONE,)},
                type="Cart Updated", channel="web", ids={"anonymous_id": ("token",)},
                properties={"items": "line_items", "cart_id": ("id", "token")}),
        Webhook(topics=("checkouts/create", "checkouts/update"), agrees=_IS_CART, type="Checkout Started",
                channel="web", once=("token",), ids={"anonymous_id": ("cart_token", "token")},
                properties={"amount": "total_price", "currency": "currency", "items": "line_items"}),
        Webhook(topics=("customers/create",), type="Account Created",
                agrees={**_NO_ORDER, "state": (ANY,), "line_items": (NONE,), "order_id": (NONE,)},
                channel="shop", once=("id",), ids={"shopify_customer@": ("id",)}, properties={"state": "state"}),
    ),
    others=("orders/edited", "orders/delete", "orders/partially_fulfilled", "refunds/create", "customers/update",
            "customers/delete", "products/create", "products/update", "products/delete", "fulfillments/create",
            "fulfillments/update", "draft_orders/create", "draft_orders/update", "app/uninstalled",
            "inventory_levels/update", "order_transactions/create", "checkouts/delete"),
)  # fmt: skip

WOOCOMMERCE: Final = WebhookSender(
    signature=Signature(header="x-wc-webhook-signature"),
    most_bytes=LARGE_BYTES,
    topic=("header:x-wc-webhook-topic",),
    window_s=3 * DAY_S,
    moment=("date_modified_gmt", "date_created_gmt"),
    at=("date_modified_gmt", "date_created_gmt"),
    once=("id", "date_modified_gmt", "date_created_gmt"),
    ids={
        "woocommerce_customer@": ("customer_id",),
        "email": ("billing.email", "email"),
        "phone": ("billing.phone",),
    },
    ping="webhook_id=",
    mappings=(
        Webhook(topics=("order.created", "order.updated"), where={"status": ("processing", "completed")},
                agrees={"total": (ANY,)}, type="Order Completed", channel="shop",
                at=("date_paid_gmt", "date_created_gmt"), once=("id",), properties=_ORDER),
        Webhook(topics=("order.created", "order.updated"), where={"status": ("cancelled", "failed")},
                agrees={"total": (ANY,)}, type="Order Cancelled", channel="shop", once=("id",), properties=_ORDER),
        Webhook(topics=("order.created", "order.updated"), where={"status": ("refunded",)},
                agrees={"total": (ANY,)}, type="Order Refunded", channel="shop", once=("id",), properties=_ORDER),
        Webhook(topics=("order.created",), unless=_DRAFTS, agrees={"total": (ANY,)}, type="Order Placed",
                channel="shop", at=("date_created_gmt",), once=("id",), properties=_ORDER),
        # Plug-ins and the staff save orders too; what the customer does to one has a status of its own.
        Webhook(topics=("order.updated",), unless=_DRAFTS, agrees={"total": (ANY,)}, type="Order Updated",
                channel="shop", properties=_ORDER, context=BY_BUSINESS),
        Webhook(topics=("customer.created",), type="Account Created", channel="shop",
                agrees={"role": (ANY,), "total": (NONE,), "line_items": (NONE,)}, once=("id",),
                ids={"woocommerce_customer@": ("id",)}, properties={"role": "role"}),
    ),
    others=("order.deleted", "order.restored", "customer.updated", "customer.deleted", "product.created",
            "product.updated", "product.deleted", "product.restored", "coupon.created", "coupon.updated",
            "coupon.deleted", "coupon.restored"),
)  # fmt: skip

_ECWID_ORDER: Final[Values] = {
    "order_id": ("data.orderId", "entityId"),
    "amount": "data.total",
    "currency": "data.currency",
    "status": "data.newPaymentStatus",
}

# The body is not signed, so anybody who has seen a signature could send other words under it. The id of the event
# counts once for each person, whatever else it says.
ECWID: Final = WebhookSender(
    signature=Signature(header="x-ecwid-webhook-signature", parts=("eventCreated", "eventId"), between="."),
    topic=("eventType",),
    at=("eventCreated",),
    once=("eventId",),
    once_of_any_type=True,
    ids={
        "ecwid_customer@": ("data.customerId",),
        "email": ("data.customerEmail", "data.email"),
        "phone": ("data.customerPhone",),
        "anonymous_id": ("data.cartId",),
    },
    mappings=(
        Webhook(topics=("order.created", "order.updated"), where={"data.newPaymentStatus": ("PAID",)},
                unless={"data.oldPaymentStatus": ("PAID", "PARTIALLY_REFUNDED", "REFUNDED")}, type="Order Completed",
                channel="shop", properties=_ECWID_ORDER),
        Webhook(topics=("order.updated",), where={"data.newPaymentStatus": ("REFUNDED",)},
                unless={"data.oldPaymentStatus": ("REFUNDED",)}, type="Order Refunded", channel="shop",
                properties=_ECWID_ORDER),
        # A second refund in part looks like any other change of the order, such as its shipping.
        Webhook(topics=("order.updated",), where={"data.newPaymentStatus": ("PARTIALLY_REFUNDED",)},
                unless={"data.oldPaymentStatus": ("PARTIALLY_REFUNDED", "REFUNDED")}, type="Order Refunded",
                channel="shop", properties=_ECWID_ORDER),
        Webhook(topics=("order.created", "order.updated"), where={"data.newPaymentStatus": ("CANCELLED",)},
                unless={"data.oldPaymentStatus": ("CANCELLED",)}, type="Order Cancelled", channel="shop",
                properties=_ECWID_ORDER),
        Webhook(topics=("order.updated",), where={"data.newFulfillmentStatus": ("SHIPPED",)},
                unless={"data.oldFulfillmentStatus": ("SHIPPED",)}, type="Order Shipped", channel="shop",
                properties={**_ECWID_ORDER, "status": "data.newFulfillmentStatus"}),
        Webhook(topics=("order.updated",), where={"data.newFulfillmentStatus": ("DELIVERED",)},
                unless={"data.oldFulfillmentStatus": ("DELIVERED",)}, type="Order Delivered", channel="shop",
                properties={**_ECWID_ORDER, "status": "data.newFulfillmentStatus"}),
        Webhook(topics=("order.created",), type="Order Placed", channel="shop", properties=_ECWID_ORDER),
        Webhook(topics=("order.updated",), type="Order Updated", channel="shop", properties=_ECWID_ORDER,
                context=BY_BUSINESS),
        Webhook(topics=("unfinished_order.created",), type="Checkout Started", channel="web",
                properties={"cart_id": ("data.cartId", "data.orderId")}),
        Webhook(topics=("customer.created",), type="Account Created", channel="shop",
                ids={"ecwid_customer@": ("entityId",)}),
        Webhook(topics=("review.created",), type="Review Submitted", channel="support",
                properties={"review_id": "entityId"}),
    ),
    others=("order.deleted", "unfinished_order.updated", "unfinished_order.deleted", "customer.updated",
            "customer.deleted", "product.created", "product.updated", "product.deleted", "category.created",
            "category.updated", "category.deleted", "application.installed", "application.uninstalled",
            "profile.updated", "discount_coupon.created", "promotion.created", "invoice.created"),
)  # fmt: skip
