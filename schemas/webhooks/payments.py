"""Webhooks of payments: Stripe.

Amounts are in the smallest unit of their currency. A payment is one order, whichever of its messages comes first: its
session, its intent and its charge name the same payment.
"""

from typing import Final

from schemas.webhooks.form import ANY, Conditions, Signature, Values, Webhook, WebhookSender, WebhookValue


def _money(*paths: str) -> Values:
    return {"amount": WebhookValue(paths=paths, minor="currency"), "currency": "currency"}


_REFERENCE: Final = ("metadata.order_id", "payment_intent", "id")
_SUBSCRIPTION: Final = "subscription|parent.subscription_details.subscription"
_PERSON: Final = {
    "stripe_customer@": ("customer",),
    "email": ("customer_details.email", "customer_email", "billing_details.email", "receipt_email"),
    "phone": ("customer_details.phone", "customer_phone", "billing_details.phone"),
}
_PLAN: Final[Values] = {
    "subscription_id": ("subscription", "parent.subscription_details.subscription"),
    # From the API version 2025-03-31 on the price is one step deeper.
    "plan": (
        "lines.data.0.price.lookup_key",
        "lines.data.0.price.id",
        "lines.data.0.plan.id",
        "lines.data.0.pricing.price_details.price",
    ),
}
_PRICE: Final = ("items.data.0.price.lookup_key", "items.data.0.price.id")
# An invoice of nothing begins a trial; `customer.subscription.created` tells it.
_FREE: Final[Conditions] = {"amount_paid": ("0",)}

STRIPE: Final = WebhookSender(
    # `v0` is a signature of tests, and counts for nothing. While a secret is changed there are several `v1`.
    signature=Signature(
        header="stripe-signature",
        encoding="hex",
        prefix="v1=",
        separator=",",
        parts=("signature:t", "body"),
        between=".",
    ),
    window_s=300,
    moment=("signature:t",),
    root="data.object",
    topic=("body:type",),
    at=("body:created",),
    once=("body:id",),
    ids=_PERSON,
    mappings=(
        # A completed session may be unpaid: a bank transfer takes days, and `async_payment_succeeded` tells its end.
        Webhook(topics=("checkout.session.completed", "checkout.session.async_payment_succeeded"),
                where={"payment_status": ("paid", "no_payment_required"), "mode": ("payment", "")},
                type="Order Completed", channel="shop", once=("payment_intent|id",),
                properties={**_money("amount_total"), "order_id": _REFERENCE, "status": WebhookValue(value="paid")}),
        Webhook(topics=("checkout.session.completed",), where={"mode": ("payment", ""), "payment_status": ("unpaid",)},
                type="Order Placed", channel="shop", once=("id",),
                properties={**_money("amount_total"), "order_id": _REFERENCE, "status": "payment_status"}),
        # Payments of invoices are told by the invoice. Since 2025-03-31 an intent names it in its details alone, and a
        # charge does not.
        Webhook(topics=("payment_intent.succeeded",),
                unless={"invoice": (ANY,), "payment_details.order_reference": ("in_*",)}, type="Order Completed",
                channel="shop", once=("id",),
                properties={**_money("amount_received", "amount"), "order_id": _REFERENCE,
                            "status": WebhookValue(value="paid")}),
        Webhook(topics=("charge.succeeded",), where={"paid": ("true",)},
                unless={"invoice": (ANY,), "captured": ("false",)}, type="Order Completed", channel="shop",
                once=("payment_intent|id",),
                properties={**_money("amount_captured", "amount"), "order_id": _REFERENCE,
                            "status": WebhookValue(value="paid")}),
        Webhook(topics=("charge.refunded",), type="Order Refunded", channel="shop",
                properties={**_money("amount_refunded"), "order_id": _REFERENCE,
                            "status": WebhookValue(paths="refunded", words={"true": "refunded",
                                                                            "false": "partially_refunded"})}),
        Webhook(topics=("invoice.paid",), where={"billing_reason": ("subscription_create",)}, unless=_FREE,
                type="Subscription Started", channel="shop", once=(_SUBSCRIPTION,),
                properties={**_money("amount_paid"), **_PLAN}),
        # The first payment after a trial is a cycle like any other; the change of the status tells the beginning.
        Webhook(topics=("customer.subscription.updated",),
                where={"status": ("active",), "body:data.previous_attributes.status": ("trialing",)},
                type="Subscription Started", channel="shop", once=("id",), at=("trial_end",),
                properties={"subscription_id": "id", "plan": ("items.data.0.price.lookup_key",
                                                              "items.data.0.price.id")}),
        Webhook(topics=("invoice.paid",), where={"billing_reason": ("subscription_cycle",)}, unless=_FREE,
                type="Subscription Renewed", channel="shop", once=("id",),
                properties={**_money("amount_paid"), **_PLAN}),
        Webhook(topics=("invoice.paid",), unless={**_FREE, "billing_reason": ("subscription_create",
                                                                             "subscription_cycle")},
                type="Order Completed", channel="shop", once=("payment_intent|id",),
                properties={**_money("amount_paid"), "order_id": ("metadata.order_id", "number", "id"),
                            "status": WebhookValue(value="paid")}),
        Webhook(topics=("invoice.payment_failed",), type="Payment Failed", channel="shop",
                properties={**_money("amount_due"), **_PLAN}),
        Webhook(topics=("customer.subscription.created",), where={"status": ("trialing",)}, type="Trial Started",
                channel="shop", once=("id",), at=("trial_start", "created"),
                properties={"subscription_id": "id", "plan": _PRICE}),
        Webhook(topics=("customer.subscription.deleted",), type="Subscription Cancelled", channel="shop",
                once=("id",), at=("ended_at", "canceled_at"),
                properties={"subscription_id": "id", "reason": ("cancellation_details.reason",),
                            "plan": _PRICE}),
    ),
    others=("customer.created", "customer.updated", "customer.deleted",
            "checkout.session.expired", "checkout.session.async_payment_failed", "payment_intent.created",
            "payment_intent.payment_failed", "charge.failed", "charge.updated", "charge.dispute.created",
            "invoice.created", "invoice.finalized", "invoice.payment_succeeded", "refund.created", "refund.updated",
            "payout.paid", "payment_method.attached"),
)  # fmt: skip
