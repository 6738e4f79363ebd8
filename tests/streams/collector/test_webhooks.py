"""Webhooks of shops and help desks: their signatures and their touchpoints."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from schemas.webhooks import SENDERS
from tests.streams.collector.asking import Answer, Collector

NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
LONG_AGO = "2020-01-01T00:00:00Z"
ORDER = {
    "id": 450789469, "name": "#1001", "current_total_price": "199.65", "currency": "EUR", "financial_status": "paid",
    "created_at": NOW, "updated_at": NOW, "cart_token": "cart-1", "email": "ann@example.com",
    "customer": {"id": 207119551}, "line_items": [{"sku": "A", "quantity": 1, "price": "199.65", "grams": 200}],
}  # fmt: skip
TICKET = {
    "id": "evt-1", "type": "zen:event-type:ticket.created", "time": NOW,
    "detail": {
        "id": "35436", "status": "OPEN", "priority": "HIGH", "requester_id": "8447388090494",
        "requester_external_id": "c-1",
    },
    "event": {},
}  # fmt: skip


@pytest.fixture
def collector(tmp_path) -> Collector:
    made = Collector(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("old secret\nnew secret\n")
    for sender in SENDERS:
        setattr(made, f"{sender}_key", made.add(sender, sender=sender, secret_file=secret))
    return made


def signed(raw: bytes, stamp: str = "", secret: bytes = b"new secret") -> str:
    return base64.b64encode(hmac.new(secret, stamp.encode() + raw, hashlib.sha256).digest()).decode()


def shopify(collector: Collector, topic: str, body: dict, **headers: str) -> Answer:
    raw = json.dumps(body).encode()
    fields = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": signed(raw), **headers}
    return collector.ask("/v1/webhooks/shopify", raw, key=None, headers=fields)


def woocommerce(collector: Collector, topic: str, body: dict) -> Answer:
    raw = json.dumps(body).encode()
    fields = {"x-wc-webhook-topic": topic, "x-wc-webhook-signature": signed(raw)}
    return collector.ask("/v1/webhooks/woocommerce", raw, key=None, headers=fields)


def zendesk(collector: Collector, body: dict, stamp: str = NOW) -> Answer:
    raw = json.dumps(body).encode()
    fields = {
        "x-zendesk-webhook-signature": signed(raw, stamp), "x-zendesk-webhook-signature-timestamp": stamp,
    }  # fmt: skip
    return collector.ask("/v1/webhooks/zendesk", raw, key=None, headers=fields)


def test_a_paid_order_of_shopify(collector) -> None:
    """A paid order is an `Order Completed` with the ids of customer and cart, and without the address."""
    assert shopify(collector, "orders/paid", ORDER).said == {"accepted": 1}
    (kept,) = collector.kept
    assert (kept["type"], kept["channel"]) == ("Order Completed", "shop")
    assert (kept["ids"]["shopify_customer@shopify"], kept["ids"]["anonymous_id"]) == (207119551, "cart-1")
    assert kept["properties"] == {
        "order_id": "450789469", "number": "#1001", "amount": 199.65, "currency": "EUR", "status": "paid",
        "items": [{"sku": "A", "quantity": 1, "price": 199.65}],
    }  # fmt: skip
    assert "example.com" not in json.dumps(kept)


@pytest.mark.parametrize(
    ("topic", "changes", "type_"),
    [
        ("orders/create", {}, "Order Placed"),
        ("orders/cancelled", {"cancelled_at": NOW}, "Order Cancelled"),
        ("orders/updated", {"financial_status": "refunded"}, "Order Refunded"),
        ("orders/fulfilled", {"fulfillment_status": "fulfilled"}, "Order Shipped"),
        ("carts/update", {"token": "cart-1", "financial_status": None}, "Cart Updated"),
        ("checkouts/create", {"token": "t-1", "financial_status": None}, "Checkout Started"),
    ],
)
def test_other_messages_of_shopify(collector, topic, changes, type_) -> None:
    """Orders, refunds, carts and checkouts get their types."""
    assert shopify(collector, topic, ORDER | changes).status == 200
    assert [event["type"] for event in collector.kept] == [type_]


def test_a_message_that_comes_twice_has_one_id(collector) -> None:
    """Deliveries of one order have one event id; another order has another."""
    for body, delivery in ((ORDER, "d1"), (ORDER, "d2"), (ORDER | {"id": 2}, "d3")):
        assert shopify(collector, "orders/paid", body, **{"x-shopify-webhook-id": delivery}).status == 200
    first, again, other = (event["event_id"] for event in collector.kept)
    assert first == again != other


def test_messages_that_no_table_maps_are_taken(collector) -> None:
    """An unmapped message is answered 200, so that the sender keeps the webhook, and is not kept."""
    assert shopify(collector, "products/update", ORDER).said == {"accepted": 0, "ignored": True}
    assert collector.messages == []


def test_what_is_not_signed_is_refused(collector) -> None:
    """A wrong or missing signature is answered 401; each secret of the file is valid."""
    raw = json.dumps(ORDER).encode()
    for signature, status in (
        (signed(raw, secret=b"wrong"), 401), (signed(raw + b" "), 401), ("", 401), ("?", 401), ("é", 401),
        (signed(raw, secret=b"old secret"), 200),
    ):  # fmt: skip
        headers = {"x-shopify-topic": "orders/paid", "x-shopify-hmac-sha256": signature}
        assert collector.ask("/v1/webhooks/shopify", raw, key=None, headers=headers).status == status
    assert len(collector.messages) == 1


def test_what_is_old_is_refused(collector) -> None:
    """An old message is answered 409, so that a recorded one cannot be replayed."""
    assert shopify(collector, "orders/paid", ORDER | {"updated_at": LONG_AGO}).status == 409
    assert zendesk(collector, TICKET, LONG_AGO).status == 409
    assert collector.messages == []


@pytest.mark.parametrize(
    ("status", "type_"),
    [("processing", "Order Completed"), ("refunded", "Order Refunded"), ("pending", "Order Updated")],
)
def test_orders_of_woocommerce(collector, status, type_) -> None:
    """An update gets its type from its status; times without an offset are in UTC."""
    body = {"id": 7, "status": status, "total": "9.50", "customer_id": 26, "date_modified_gmt": NOW[:-1]}
    assert woocommerce(collector, "order.updated", body | {"billing": {"email": "ann@example.com"}}).status == 200
    (kept,) = collector.kept
    assert (kept["type"], kept["properties"]["amount"]) == (type_, 9.5)
    assert kept["ids"].keys() == {"woocommerce_customer@woocommerce", "email_sha256"}


def test_woocommerce_pings_when_a_webhook_is_made(collector) -> None:
    """WooCommerce's unsigned ping is answered 200 and not kept."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert collector.ask("/v1/webhooks/woocommerce", b"webhook_id=3", key=None, headers=headers).status == 200
    assert collector.messages == []


def test_tickets_and_ratings_of_zendesk(collector) -> None:
    """Tickets that are created, solved and rated get their types; a repeated event has the same id."""
    solved = TICKET | {
        "id": "evt-2", "type": "zen:event-type:ticket.status_changed", "event": {"current": "SOLVED"},
    }  # fmt: skip
    rated = TICKET | {
        "id": "evt-3", "type": "zen:event-type:ticket.csat_score_changed", "event": {"current": "GOOD"},
    }  # fmt: skip
    for body in (TICKET, solved, rated, TICKET):
        assert zendesk(collector, body).status == 200
    assert [event["type"] for event in collector.kept] == [
        "Ticket Opened", "Ticket Solved", "Satisfaction Rated", "Ticket Opened",
    ]  # fmt: skip
    assert collector.kept[2]["properties"]["score"] == 5
    assert collector.kept[0]["ids"] == {"customer_id": "c-1", "zendesk_requester@zendesk": "8447388090494"}
    assert collector.kept[0]["event_id"] == collector.kept[3]["event_id"]


def test_freshdesk_sends_a_key(collector) -> None:
    """Freshdesk does not sign: a write key of its source is accepted, and one of another source is not."""
    body = {
        "freshdesk_webhook": {
            "event": "survey", "ticket_id": 5, "ticket_survey_rating": "103", "ticket_contact_email": "ann@example.com",
        }
    }  # fmt: skip
    assert collector.ask("/v1/webhooks/freshdesk", body, key=None).status == 401
    assert collector.ask("/v1/webhooks/freshdesk", body, key=collector.key).status == 401
    assert collector.ask("/v1/webhooks/freshdesk", body, key=collector.freshdesk_key).status == 200
    (kept,) = collector.kept
    assert (kept["type"], kept["properties"]["score"]) == ("Satisfaction Rated", 5)


def test_other_sources_have_no_webhooks(collector) -> None:
    """A source without a sender and an unknown source are answered 404."""
    assert collector.ask("/v1/webhooks/shop", ORDER).status == 404
    assert collector.ask("/v1/webhooks/nobody", ORDER).status == 404


def test_a_users_own_table(tmp_path) -> None:
    """COLLECTOR_TABLES adds a sender and the channels of events."""
    file = tmp_path / "tables.yaml"
    file.write_text("""
channels: {Visit Booked: support}
senders:
  booking:
    signature: {header: x-booking-signature}
    topic: [kind]
    window_s: 600
    moment: []
    at: [when]
    once: [number]
    ids: {customer_id: [guest]}
    mappings:
      - {topics: [booked], type: Visit Booked, channel: shop, properties: {nights: [nights]}}
""")
    collector = Collector(tmp_path, {"COLLECTOR_TABLES": str(file)})
    secret = tmp_path / "secret"
    secret.write_text("new secret")
    collector.add("hotel", sender="booking", secret_file=secret)
    raw = json.dumps({"kind": "booked", "number": 1, "when": NOW, "guest": "g-1", "nights": 2}).encode()
    headers = {"x-booking-signature": signed(raw)}
    assert collector.ask("/v1/webhooks/hotel", raw, key=None, headers=headers).status == 200
    assert collector.ask("/v1/track", {"event": "Visit Booked", "userId": "g-1"}).status == 200
    assert [(event["type"], event["channel"]) for event in collector.kept] == [
        ("Visit Booked", "shop"), ("Visit Booked", "support"),
    ]  # fmt: skip


DRAFT = {
    "id": 951, "status": "auto-draft", "date_created_gmt": NOW[:-1], "date_modified_gmt": NOW[:-1],
    "date_paid_gmt": None, "customer_id": 0, "billing": {"email": "", "phone": ""}, "total": "0.00",
    "currency": "EUR", "line_items": [],
}  # fmt: skip
COUNTER = {**ORDER, "customer": None, "email": "", "cart_token": None, "token": "t-9", "source_name": "pos"}


def counted(collector: Collector) -> dict[tuple[str, ...], float]:
    """What the collector has counted as passed over."""
    return {
        (sample.labels["source"], sample.labels["topic"], sample.labels["why"]): sample.value
        for family in collector.wired.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "tracker_collector_passed_over_total"
    }


def refused(collector: Collector) -> float:
    samples = [each for family in collector.wired.metrics.registry.collect() for each in family.samples]
    return sum(each.value for each in samples if each.name == "tracker_collector_refused_total")


def test_what_is_nobody_s_is_answered_2xx_and_put_aside(collector) -> None:
    """Drafts of WooCommerce and sales at a counter are accepted, since shops switch webhooks off that fail."""
    requests = []
    for number in range(6):
        raw = json.dumps(DRAFT | {"id": 900 + number}).encode()
        fields = {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-signature": signed(raw)}
        requests.append(("/v1/webhooks/woocommerce", raw, {"key": None, "headers": fields}))
    raw = json.dumps(COUNTER).encode()
    fields = {"x-shopify-topic": "orders/paid", "x-shopify-hmac-sha256": signed(raw)}
    requests.append(("/v1/webhooks/shopify", raw, {"key": None, "headers": fields}))
    answers = collector.ask_all(requests)
    assert [answer.status for answer in answers] == [200] * 7
    assert collector.kept == []
    assert {rejection.reason for rejection in collector.rejections} == {"nobody"}
    assert len(collector.rejections) == 7
    assert b"Order Completed" in collector.rejections[-1].value
    assert counted(collector) == {
        ("woocommerce", "order.updated", "nobody"): 6, ("shopify", "orders/paid", "nobody"): 1,
    }  # fmt: skip
    assert refused(collector) == 0


def test_what_no_table_maps_is_counted_by_known_names(collector) -> None:
    """Names that the sender's table knows are counted one by one; all others, whatever they are, as `other`."""
    topics = ("products/update", "made/up", "x" * 200, "orders/paid")
    requests = []
    for topic in topics:
        raw = json.dumps(ORDER).encode()
        fields = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": signed(raw)}
        requests.append(("/v1/webhooks/shopify", raw, {"key": None, "headers": fields}))
    assert [answer.status for answer in collector.ask_all(requests)] == [200] * 4
    assert counted(collector) == {
        ("shopify", "products/update", "unmapped"): 1, ("shopify", "other", "unmapped"): 2,
    }  # fmt: skip


def test_a_survey_that_is_offered_is_no_answer(collector) -> None:
    """An offered survey is counted, makes no touchpoint, and is no fault of the sender."""
    offered = TICKET | {
        "type": "zen:event-type:ticket.csat_received", "event": {"satisfaction_score": {"score": "OFFERED"}},
    }  # fmt: skip
    assert zendesk(collector, offered).said == {"accepted": 0, "ignored": True}
    assert collector.messages == []
    assert counted(collector) == {("zendesk", "zen:event-type:ticket.csat_received", "no_answer"): 1}


def test_a_bad_event_does_not_fail_a_webhook(collector) -> None:
    """A signed message that cannot be a touchpoint is put aside with its reason; sent again it would be no better."""
    answer = shopify(collector, "orders/paid", ORDER | {"cart_token": "x" * 300})
    assert answer.status == 200
    assert [problem["reason"] for problem in answer.said["rejected"]] == ["id_too_long"]
    assert [rejection.reason for rejection in collector.rejections] == ["id_too_long"]
    assert refused(collector) == 1


@pytest.mark.parametrize("lines", ["\n\n", "\nnew secret\n\n", "  \nnew secret\n   \n", "short\n\nnew secret\r\n"])
def test_a_blank_line_is_no_secret(tmp_path, lines) -> None:
    """A blank or short line in the file of secrets opens nothing: the empty key is known to everybody."""
    collector = Collector(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(lines)
    collector.add("shopify", sender="shopify", secret_file=secret)
    raw = json.dumps(ORDER).encode()
    for key, status in ((b"", 401), (b"short", 401), (b"   ", 401), (b"new secret", 200 if "new" in lines else 401)):
        headers = {"x-shopify-topic": "orders/paid", "x-shopify-hmac-sha256": signed(raw, secret=key)}
        assert collector.ask("/v1/webhooks/shopify", raw, key=None, headers=headers).status == status


@pytest.mark.parametrize("raw", [b"\0" * 32, b"\0" * 32 + b"\n", "new secret\n".encode("utf-16")])
def test_nuls_are_no_secret(tmp_path, raw) -> None:
    """A key of NULs signs as the empty key does, so a file that a crash has left opens nothing; nor does UTF-16."""
    collector = Collector(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(raw)
    collector.add("shopify", sender="shopify", secret_file=secret)
    body = json.dumps(ORDER).encode()
    for key in (b"", b"\0", raw.strip()):
        headers = {"x-shopify-topic": "orders/paid", "x-shopify-hmac-sha256": signed(body, secret=key)}
        assert collector.ask("/v1/webhooks/shopify", body, key=None, headers=headers).status == 401


def test_the_mark_before_utf_8_is_no_part_of_a_secret(tmp_path) -> None:
    """Editors put a mark before a text in UTF-8; the secret begins after it."""
    collector = Collector(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("new secret\n", encoding="utf-8-sig")
    collector.add("shopify", sender="shopify", secret_file=secret)
    body = json.dumps(ORDER).encode()
    headers = {"x-shopify-topic": "orders/paid", "x-shopify-hmac-sha256": signed(body, secret=b"new secret")}
    assert collector.ask("/v1/webhooks/shopify", body, key=None, headers=headers).status == 200


def test_ids_of_webhooks_depend_on_the_installation(tmp_path) -> None:
    """Two installations give one message two ids, which nobody without the key can compute."""
    found = []
    for name, key in (("a", "k" * 64), ("b", "l" * 64)):
        (tmp_path / name).mkdir()
        made = Collector(tmp_path / name, {"TRACKER_HASH_KEY": key})
        (tmp_path / name / "secret").write_text("new secret")
        made.add("shopify", sender="shopify", secret_file=tmp_path / name / "secret")
        assert shopify(made, "orders/paid", ORDER).status == 200
        found.append(made.kept[0]["event_id"])
    assert len(set(found)) == 2
