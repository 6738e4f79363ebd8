"""Webhooks of Shopify, WooCommerce, Ecwid and Stripe: what a message becomes, and what it must not."""

import msgspec
import pytest

from schemas.webhooks import SENDERS
from streams.collector.problems import Refused
from tests.streams.collector.webhooks.letters import NOW, NOW_S, judged, letter, signed, told, why, wire

SHOPIFY_ORDER = {
    "id": 450789469, "name": "#1001", "current_total_price": "199.65", "currency": "EUR", "financial_status": "paid",
    "fulfillment_status": None, "created_at": NOW, "updated_at": NOW, "cart_token": None, "token": "order-token-1",
    "email": "ann@example.com", "customer": {"id": 207119551}, "line_items": [], "source_name": "web",
}  # fmt: skip
WOO_ORDER = {
    "id": 951, "status": "processing", "date_created_gmt": NOW[:-1], "date_modified_gmt": NOW[:-1],
    "date_paid_gmt": NOW[:-1], "customer_id": 7, "billing": {"email": "ann@example.com", "phone": ""},
    "total": "12.50", "currency": "EUR", "line_items": [],
}  # fmt: skip
STRIPE_SESSION = {
    "id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid", "payment_intent": "pi_1",
    "amount_total": 1999, "currency": "eur", "customer": "cus_1", "client_reference_id": "order-17",
    "customer_details": {"email": "ann@example.com", "phone": None},
}  # fmt: skip


def stripe(type_: str, body: dict, id_: str = "evt_1") -> dict:
    return {"id": id_, "object": "event", "type": type_, "created": NOW_S - 90_000, "data": {"object": body}}


def shopify(topic: str, **changes) -> dict:
    return {"body": SHOPIFY_ORDER | changes, "x_shopify_topic": topic}


def test_a_number_of_a_shop_is_of_that_shop() -> None:
    """Customer 7 of two shops is two aliases; where the source says so, the number is the company's own."""
    topic = {"x_wc_webhook_topic": "order.created"}
    assert wire("woocommerce", WOO_ORDER, **topic)["ids"]["woocommerce_customer@woocommerce"] == 7
    given = letter("woocommerce", WOO_ORDER, **{"x-wc-webhook-topic": "order.created"})
    (other,) = judged(SENDERS["woocommerce"], given, "shop-se")
    assert other.wire is not None
    assert other.wire["ids"]["woocommerce_customer@shop-se"] == 7
    assert wire("woocommerce", WOO_ORDER, own=True, **topic)["ids"] == {"customer_id": 7, "email": "ann@example.com"}


def test_a_guest_has_no_number() -> None:
    """Customer 0 of WooCommerce is a guest, whose address is the only id."""
    made = wire("woocommerce", WOO_ORDER | {"customer_id": 0}, x_wc_webhook_topic="order.created")
    assert made["ids"] == {"email": "ann@example.com"}


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("orders/paid", {"financial_status": "pending"}),
        ("orders/paid", {"financial_status": "voided"}),
        ("orders/paid", {"financial_status": None}),
        ("orders/cancelled", {}),
        ("orders/fulfilled", {}),
        ("customers/create", {}),
        ("carts/update", {}),
        ("checkouts/create", {}),
    ],
)
def test_shopify_s_body_must_agree_with_its_topic(topic, changes) -> None:
    """The topic is not signed: under another one, a genuine body is refused."""
    with pytest.raises(Refused) as refused:
        told("shopify", SHOPIFY_ORDER | changes, x_shopify_topic=topic)
    assert refused.value.word == "bad_signature"


def test_other_bodies_of_shopify_are_no_orders() -> None:
    """A customer or a fulfilment, sent under the topic of an order, is refused."""
    for body in (
        {"id": 1, "email": "ann@example.com", "state": "enabled", "created_at": NOW, "updated_at": NOW},
        {"id": 2, "order_id": 1, "status": "success", "line_items": [], "email": "ann@example.com", "created_at": NOW},
    ):
        with pytest.raises(Refused):
            told("shopify", body, x_shopify_topic="orders/paid")


CUSTOMER = {"id": 1, "email": "ann@example.com", "state": "enabled", "created_at": NOW, "updated_at": NOW}
PRODUCT = {"id": 3, "title": "Shoe", "handle": "shoe", "variants": [], "created_at": NOW, "updated_at": NOW}
FULFILMENT = {"id": 2, "order_id": 1, "status": "success", "line_items": [], "email": "ann@example.com",
              "created_at": NOW, "updated_at": NOW}  # fmt: skip
CHECKOUT = {"id": 4, "token": "t-1", "abandoned_checkout_url": "https://shop.example.com/r", "line_items": [],
            "email": "ann@example.com", "created_at": NOW, "updated_at": NOW}  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "bodies"),
    [
        ("customers/create", [PRODUCT, FULFILMENT, CHECKOUT]),
        ("carts/update", [PRODUCT, FULFILMENT, CUSTOMER, CHECKOUT]),
        ("checkouts/create", [PRODUCT, FULFILMENT, CUSTOMER]),
    ],
)
def test_a_body_of_shopify_says_what_it_is(topic, bodies) -> None:
    """A product is no customer, and who has an address has no cart by that: each topic asks for its own marks."""
    for body in bodies:
        with pytest.raises(Refused) as refused:
            told("shopify", body, x_shopify_topic=topic)
        assert refused.value.word == "bad_signature"


def test_customers_and_checkouts_of_shopify_are_known() -> None:
    """Under their own topics they are an account and a checkout."""
    assert wire("shopify", CUSTOMER, x_shopify_topic="customers/create")["type"] == "Account Created"
    assert wire("shopify", CHECKOUT, x_shopify_topic="checkouts/create")["type"] == "Checkout Started"


def test_a_body_of_woocommerce_must_agree_with_its_topic() -> None:
    """A customer is no order, and an order no customer, whatever the unsigned topic says."""
    customer = {"id": 7, "email": "ann@example.com", "role": "customer", "date_created_gmt": NOW[:-1]}
    assert wire("woocommerce", customer, x_wc_webhook_topic="customer.created")["type"] == "Account Created"
    product = {"id": 12, "name": "Shoe", "slug": "shoe", "price": "3", "date_created_gmt": NOW[:-1]}
    for body, topic in ((customer, "order.created"), (WOO_ORDER, "customer.created"), (product, "customer.created")):
        with pytest.raises(Refused):
            told("woocommerce", body, x_wc_webhook_topic=topic)


def test_a_sale_at_the_counter_is_nobody_s() -> None:
    """The token of an order without customer and cart names nobody."""
    made = wire("shopify", SHOPIFY_ORDER | {"customer": None, "email": "", "source_name": "pos"},
                x_shopify_topic="orders/paid")  # fmt: skip
    assert made["ids"] == {}


@pytest.mark.parametrize("status", ["auto-draft", "checkout-draft", "draft", "trash"])
def test_a_draft_is_no_order(status) -> None:
    """What somebody is still writing is no order, with an id or without."""
    body = WOO_ORDER | {"status": status}
    assert why("woocommerce", body, x_wc_webhook_topic="order.created") == "unmapped"
    assert why("woocommerce", body, x_wc_webhook_topic="order.updated") == "unmapped"
    nobody = wire(
        "woocommerce", body | {"customer_id": 0, "billing": {"email": ""}}, x_wc_webhook_topic="order.updated"
    )
    assert nobody["ids"] == {}


def test_an_edited_order_is_the_business() -> None:
    """An update without a status of its own is no sign of the customer's life."""
    made = wire("woocommerce", WOO_ORDER | {"status": "on-hold"}, x_wc_webhook_topic="order.updated")
    assert (made["type"], made["context"]) == ("Order Updated", {"by": "business"})
    assert "context" not in wire("woocommerce", WOO_ORDER, x_wc_webhook_topic="order.updated")


def test_a_refund_in_part_counts_once() -> None:
    """What is edited of an order after a refund is no refund; another refund is one."""
    partly = {"financial_status": "partially_refunded", "current_total_price": "150.00"}
    later = [
        wire("shopify", **shopify("orders/updated", **partly | changes))["event_id"]
        for changes in (
            {}, {"updated_at": NOW[:-4] + "59Z", "note": "gift"}, {"current_total_price": "90.00"},
            {"financial_status": "refunded", "current_total_price": "0.00"},
        )
    ]  # fmt: skip
    assert later[0] == later[1]
    assert len(set(later)) == 3


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("woocommerce", {"id": 951}, {"x_wc_webhook_topic": "order.deleted"}),
        ("woocommerce", {"action": "add_to_cart"}, {"x_wc_webhook_topic": "action.woocommerce_add_to_cart"}),
        ("shopify", {"id": 788032119}, {"x_shopify_topic": "products/delete"}),
        ("shopify", {"shop_id": 954889, "orders_to_redact": []}, {"x_shopify_topic": "customers/redact"}),
    ],
)
def test_a_message_without_a_time_is_passed_over(name, body, headers) -> None:
    """What was deleted is a number alone: no table maps it, and it fails no webhook."""
    assert why(name, body, **headers) == "unmapped"


def test_a_touchpoint_without_the_time_of_its_message_is_put_aside() -> None:
    """Nothing says how old it is; without `occurred_at` the collector keeps it as rejected."""
    undated = {"id": 5, "email": "ann@example.com", "created_at": None, "updated_at": None, "state": "disabled"}
    assert "occurred_at" not in wire("shopify", undated, x_shopify_topic="customers/create")
    assert "occurred_at" in wire("shopify", undated | {"created_at": NOW}, x_shopify_topic="customers/create")


def test_ids_of_events_cannot_be_guessed() -> None:
    """The id depends on the key of the installation; the same message has the same id."""
    topic = {"x_shopify_topic": "orders/paid"}
    one, again = (wire("shopify", SHOPIFY_ORDER, **topic)["event_id"] for _ in range(2))
    assert one == again
    assert one != wire("shopify", SHOPIFY_ORDER | {"id": 1}, **topic)["event_id"]
    assert one != wire("shopify", SHOPIFY_ORDER, x_shopify_topic="orders/create")["event_id"]


ECWID = {
    "eventId": "80aece08-40e8-4145-8764-6c2f0d38678", "eventCreated": NOW_S, "storeId": 1003, "entityId": 103878161,
    "eventType": "order.created",
    "data": {"orderId": "XJ12H", "newPaymentStatus": "PAID", "newFulfillmentStatus": "AWAITING_PROCESSING",
             "customerEmail": "ann@example.com", "customerId": 15},
}  # fmt: skip
PARTLY = {"oldPaymentStatus": "PARTIALLY_REFUNDED", "newPaymentStatus": "PARTIALLY_REFUNDED",
          "oldFulfillmentStatus": "PROCESSING"}  # fmt: skip


def test_ecwid_s_orders() -> None:
    """A paid order is completed; what changed is told from what stayed."""
    made = wire("ecwid", ECWID)
    assert (made["type"], made["properties"]) == ("Order Completed", {"order_id": "XJ12H", "status": "PAID"})
    assert made["ids"] == {"ecwid_customer@ecwid": 15, "email": "ann@example.com"}
    for changes, type_ in (
        ({"oldPaymentStatus": "AWAITING_PAYMENT", "newPaymentStatus": "PAID"}, "Order Completed"),
        ({"oldPaymentStatus": "PAID", "newPaymentStatus": "REFUNDED"}, "Order Refunded"),
        ({"oldPaymentStatus": "AWAITING_PAYMENT", "newPaymentStatus": "CANCELLED"}, "Order Cancelled"),
        ({"oldPaymentStatus": "PAID", "oldFulfillmentStatus": "PROCESSING", "newFulfillmentStatus": "SHIPPED"},
         "Order Shipped"),
        ({"oldPaymentStatus": "PAID", "oldFulfillmentStatus": "PROCESSING"}, "Order Updated"),
        ({"oldPaymentStatus": "PAID", "newPaymentStatus": "PARTIALLY_REFUNDED"}, "Order Refunded"),
        (PARTLY | {"newFulfillmentStatus": "SHIPPED"}, "Order Shipped"),
        (PARTLY, "Order Updated"),
        (PARTLY | {"newPaymentStatus": "REFUNDED"}, "Order Refunded"),
    ):  # fmt: skip
        assert wire("ecwid", ECWID | {"eventType": "order.updated", "data": ECWID["data"] | changes})["type"] == type_


def test_forged_content_under_a_seen_signature_of_ecwid_has_the_same_id() -> None:
    """Ecwid signs id and time of an event alone: whatever else is said under them counts as the same event."""
    forged = ECWID | {"eventType": "customer.created", "entityId": 999, "data": {"customerEmail": "eve@example.com"}}
    assert wire("ecwid", forged)["event_id"] == wire("ecwid", ECWID)["event_id"]
    seen = letter("ecwid", ECWID).headers
    with pytest.raises(Refused):
        judged(SENDERS["ecwid"], letter("ecwid", ECWID | {"eventId": "other"})._replace(headers=seen), "ecwid")


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [("eur", 1999, 19.99), ("jpy", 1999, 1999), ("KWD", 12345, 12.345), ("isk", 500, 5)],
)
def test_stripe_s_amounts_are_in_the_smallest_unit(currency, minor, amount) -> None:
    """Yen have no decimals, dinars have three, and Stripe writes crowns of Iceland with two."""
    body = STRIPE_SESSION | {"amount_total": minor, "currency": currency}
    made = wire("stripe", stripe("checkout.session.completed", body))["properties"]
    assert (made["amount"], made["currency"]) == (amount, currency.upper())


def test_one_payment_is_one_order() -> None:
    """Session, intent and charge of a payment have one event id."""
    charge = {"id": "ch_1", "payment_intent": "pi_1", "paid": True, "captured": True, "amount": 1999,
              "currency": "eur", "amount_captured": 1999, "customer": "cus_1", "invoice": None,
              "billing_details": {"email": "ann@example.com"}}  # fmt: skip
    intent = {"id": "pi_1", "amount_received": 1999, "currency": "eur", "customer": "cus_1", "invoice": None}
    made = [
        wire("stripe", stripe("checkout.session.completed", STRIPE_SESSION, "evt_1")),
        wire("stripe", stripe("payment_intent.succeeded", intent, "evt_2")),
        wire("stripe", stripe("charge.succeeded", charge, "evt_3")),
    ]
    assert {each["type"] for each in made} == {"Order Completed"}
    assert len({each["event_id"] for each in made}) == 1
    assert {each["properties"]["amount"] for each in made} == {19.99}


def test_an_invoice_s_payment_counts_once() -> None:
    """Since 2025-03-31 an intent names its invoice in its details alone; one of a session names that."""
    intent = {"id": "pi_1", "amount_received": 1999, "currency": "eur", "customer": "cus_1"}
    for reference, wanted in (("in_1", "unmapped"), ("cs_1", None), (None, None)):
        body = intent | {"payment_details": {"order_reference": reference}}
        (one,) = told("stripe", stripe("payment_intent.succeeded", body))
        assert one.why == wanted


def test_a_subscription_begins_after_its_trial() -> None:
    """The change of the status tells it, once; what else is changed of a subscription does not."""
    body = stripe("customer.subscription.updated", {"id": "sub_1", "status": "active", "customer": "cus_1"})
    assert why("stripe", body) == "unmapped"
    body["data"]["previous_attributes"] = {"status": "trialing"}
    invoice = {"id": "in_1", "customer": "cus_1", "amount_paid": 900, "billing_reason": "subscription_create",
               "lines": {"data": [{"pricing": {"price_details": {"price": "price_9"}}}]},
               "subscription": "sub_1"}  # fmt: skip
    began, paid = wire("stripe", body), wire("stripe", stripe("invoice.paid", invoice))
    assert (began["type"], began["event_id"]) == ("Subscription Started", paid["event_id"])
    assert paid["properties"]["plan"] == "price_9"


def test_an_unpaid_session_is_not_paid() -> None:
    """A completed session may wait for a transfer; the order is completed when that has come."""
    unpaid = STRIPE_SESSION | {"payment_status": "unpaid"}
    assert wire("stripe", stripe("checkout.session.completed", unpaid))["type"] == "Order Placed"
    paid = wire("stripe", stripe("checkout.session.async_payment_succeeded", STRIPE_SESSION))
    assert (paid["type"], paid["properties"]["order_id"]) == ("Order Completed", "pi_1")
    numbered = STRIPE_SESSION | {"metadata": {"order_id": "17"}}
    assert wire("stripe", stripe("checkout.session.completed", numbered))["properties"]["order_id"] == "17"
    assert paid["ids"] == {"stripe_customer@stripe": "cus_1", "email": "ann@example.com"}


def test_refunds_and_subscriptions_of_stripe() -> None:
    """What was refunded is not what was paid; a subscription begins, is renewed, fails and ends."""
    charge = {"id": "ch_1", "payment_intent": "pi_1", "amount": 5000, "amount_refunded": 1500, "refunded": False,
              "currency": "eur", "customer": "cus_1"}  # fmt: skip
    made = wire("stripe", stripe("charge.refunded", charge))
    assert (made["type"], made["properties"]["amount"], made["properties"]["status"]) == (
        "Order Refunded", 15, "partially_refunded",
    )  # fmt: skip
    invoice = {"id": "in_1", "customer": "cus_1", "amount_paid": 900, "amount_due": 900, "currency": "eur",
               "parent": {"subscription_details": {"subscription": "sub_1"}}}  # fmt: skip
    for type_, changes, wanted in (
        ("invoice.paid", {"billing_reason": "subscription_create"}, "Subscription Started"),
        ("invoice.paid", {"billing_reason": "subscription_cycle"}, "Subscription Renewed"),
        ("invoice.paid", {"billing_reason": "manual"}, "Order Completed"),
        ("invoice.payment_failed", {"billing_reason": "subscription_cycle"}, "Payment Failed"),
        ("customer.subscription.created", {"id": "sub_1", "status": "trialing"}, "Trial Started"),
        ("customer.subscription.deleted", {"id": "sub_1", "status": "canceled"}, "Subscription Cancelled"),
    ):
        assert wire("stripe", stripe(type_, invoice | changes))["type"] == wanted
    assert why("stripe", stripe("invoice.paid", invoice | {"amount_paid": 0, "billing_reason": "subscription_create"}))


def test_a_late_retry_of_stripe_is_accepted_and_a_replay_is_not() -> None:
    """What is old is the time of the request, which is signed, and not that of the event, which is a day ago here."""
    body = stripe("checkout.session.completed", STRIPE_SESSION)
    assert wire("stripe", body)["occurred_at"] == (NOW_S - 90_000) * 1000
    old = letter("stripe", body)
    old = old._replace(headers=signed("stripe", old.raw, stamp_s=NOW_S - 301))
    with pytest.raises(Refused) as refused:
        judged(SENDERS["stripe"], old, "stripe")
    assert refused.value.word == "too_old"


def test_messages_that_say_nothing_of_themselves_are_told_apart() -> None:
    """Where none of what identifies an event is there, all that it says does: two such messages are two events."""
    one, other = ({"topic": "x", "email": f"{name}@example.com", "total": "1"} for name in "ab")
    topic = {
        "x_wc_webhook_topic": "order.created",
        "sender": msgspec.structs.replace(SENDERS["woocommerce"], moment=()),
    }
    assert wire("woocommerce", one, **topic)["event_id"] == wire("woocommerce", dict(one), **topic)["event_id"]
    assert wire("woocommerce", one, **topic)["event_id"] != wire("woocommerce", other, **topic)["event_id"]
