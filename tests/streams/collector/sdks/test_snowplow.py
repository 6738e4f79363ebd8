"""Snowplow's tracker protocol 2."""

import base64
import json
from urllib.parse import urlencode

import pytest

from tests.streams.collector.asking import Collector
from tests.streams.collector.sdks.replaying import told

PATH = "/com.snowplowanalytics.snowplow/tp2"
OUR = "iglu:com.snowplowanalytics.snowplow"


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def entity(name: str, data: dict) -> dict:
    return {"schema": f"{OUR}.ecommerce/{name}/jsonschema/1-0-0", "data": data}


def action(key: str, kind: str, *entities: dict, **fields) -> dict:
    said = {
        "schema": f"{OUR}/unstruct_event/jsonschema/1-0-0",
        "data": entity("snowplow_ecommerce_action", {"type": kind}),
    }
    around = {"schema": f"{OUR}/contexts/jsonschema/1-0-0", "data": list(entities)}
    return {
        "e": "ue",
        "aid": key,
        "uid": "u-1",
        "eid": kind,
        "ue_pr": json.dumps(said),
        "co": json.dumps(around),
        **fields,
    }


def sent(collector: Collector, *rows: dict) -> int:
    body = {"schema": f"{OUR}/payload_data/jsonschema/1-0-4", "data": list(rows)}
    return collector.ask(PATH, body, key=None).status


@pytest.mark.parametrize(
    ("kind", "entities", "type_", "properties"),
    [
        ("transaction", [entity("transaction", {"transaction_id": "17", "revenue": 99.5, "currency": "EUR"})],
         "Order Completed", {"order_id": "17", "amount": 99.5, "currency": "EUR"}),
        ("refund", [entity("refund", {"transaction_id": "17", "refund_amount": 5, "currency": "EUR"})],
         "Order Refunded", {"order_id": "17", "amount": 5, "currency": "EUR"}),
        ("product_view", [entity("product", {"id": "p", "name": "Lamp", "price": 9, "category": "light"})],
         "Product Viewed", {"product": "Lamp", "price": 9, "category": "light"}),
        ("add_to_cart", [entity("product", {"name": "Lamp"}), entity("product", {"name": "Bulb"})],
         "Product Added", {"product": "Lamp", "products": [{"name": "Lamp"}, {"name": "Bulb"}]}),
        ("checkout_step", [entity("checkout_step", {"step": 1})], "Checkout Started", {"step": 1}),
        ("checkout_step", [entity("checkout_step", {"step": 2})], "checkout_step_2", {"step": 2}),
    ],
)  # fmt: skip
def test_the_order_is_in_a_context(collector, kind, entities, type_, properties) -> None:
    """An e-commerce action says what happened, its entities say with what."""
    assert sent(collector, action(collector.key, kind, *entities)) == 200
    (kept,) = collector.kept
    assert (kept["type"], properties.items() <= kept["properties"].items()) == (type_, True)


@pytest.mark.parametrize(
    ("clocks", "at_ms", "sent_ms"),
    [
        ({"dtm": "1790000000000", "stm": "1790000009000"}, 1_790_000_000_000, 1_790_000_009_000),
        ({"ttm": "1780000000000", "dtm": "1790000000000", "stm": "1790000009000"}, 1_780_000_000_000, None),
    ],
)
def test_of_three_clocks_the_true_one_counts(collector, clocks, at_ms, sent_ms) -> None:
    """`ttm` is when it happened; without it `dtm` is, and `stm` corrects the device's clock."""
    assert sent(collector, {"e": "pv", "aid": collector.key, "duid": "d", "eid": "e", **clocks}) == 200
    assert (collector.kept[0]["occurred_at"], collector.kept[0].get("sent_at")) == (at_ms, sent_ms)


def test_the_time_of_sending_is_not_part_of_an_id(collector) -> None:
    """An event without an id that is sent again at another time has the same id."""
    for stm in ("1790000009000", "1790000010000"):
        row = {"e": "pv", "aid": collector.key, "duid": "d", "dtm": "1790000000000", "stm": stm}
        assert sent(collector, row) == 200
    assert len({each["event_id"] for each in collector.kept}) == 1


def test_a_query_is_an_event_too(collector) -> None:
    """A GET is answered with a picture of one pixel, when Kafka has the event."""
    row = {"e": "tr", "aid": collector.key, "uid": "u-1", "eid": "e", "tr_id": "17", "tr_tt": "99.5", "tr_cu": "EUR"}
    answer = collector.ask(f"/i?{urlencode(row)}", b"", method="GET", key=None)
    assert (answer.status, answer.headers["content-type"], answer.body[:6]) == (200, "image/gif", b"GIF89a")
    assert told(collector) == ["Order Completed customer=u-1"]
    properties = {"order_id": "17", "amount": 99.5, "currency": "EUR"}
    assert properties.items() <= collector.kept[0]["properties"].items()


@pytest.mark.parametrize(
    "packed", ["%%%", base64.b64encode(b"{").decode(), base64.b64encode(b'{"a":1,"a":2}').decode()]
)
def test_what_cannot_be_unpacked_is_put_aside(collector, packed) -> None:
    """An event whose JSON inside cannot be read is kept aside, and the others are accepted."""
    rows = [{"e": "ue", "aid": collector.key, "uid": "u", "eid": "1", "ue_px": packed}]
    rows += [{"e": "pv", "aid": collector.key, "uid": "u", "eid": "2"}]
    assert sent(collector, *rows) == 200
    assert told(collector) == ["Page Viewed customer=u"]
    assert [each.reason for each in collector.rejections] == ["not_a_touchpoint"]


def test_depth_hidden_in_base64_counts(collector) -> None:
    """The limits of an event hold for what is packed inside it."""
    deep = base64.b64encode((b'{"data":' * 40) + b"1" + b"}" * 40).decode()
    assert sent(collector, {"e": "ue", "aid": collector.key, "uid": "u", "eid": "1", "ue_px": deep, "cx": deep}) == 200
    assert collector.kept == []
    assert len(collector.rejections) == 1


def test_a_guest_of_the_shop_is_no_customer(collector) -> None:
    """The shop's user entity names the customer where the tracker does not, unless it is a guest."""
    users = [{"id": "7", "is_guest": True}, {"id": "7", "email": "ann@example.com"}]
    rows = [
        action(collector.key, "refund", entity("user", user), uid=None, duid="d", eid=str(index))
        for index, user in enumerate(users)
    ]
    assert sent(collector, *rows) == 200
    assert told(collector) == ["Order Refunded anonymous=d", "Order Refunded customer=7 anonymous=d email"]
