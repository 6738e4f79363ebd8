"""CloudEvents 1.0: structured, in batches and binary."""

import base64
import json

import pytest

from tests.streams.collector.asking import Collector

EVENT = {
    "specversion": "1.0", "id": "1", "source": "/shop", "type": "Order Completed", "time": "2026-11-22T10:00:00Z",
    "customerid": "c-1", "channel": "shop", "tenant": "north", "data": {"order_id": "17"},
}  # fmt: skip


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def test_structured(collector) -> None:
    """Attributes become fields, data become properties, other extensions become context."""
    answer = collector.ask(
        "/v1/cloudevents", EVENT, headers={"content-type": "application/cloudevents+json; charset=utf-8"}
    )
    assert answer.said == {"accepted": 1}
    (kept,) = collector.kept
    del kept["received_at"]
    assert kept == {
        "schema": "touchpoint/1", "event_id": "/shop/1", "type": "Order Completed", "channel": "shop",
        "occurred_at": "2026-11-22T10:00:00Z", "ids": {"customer_id": "c-1"}, "properties": {"order_id": "17"},
        "context": {"tenant": "north"},
    }  # fmt: skip


def test_a_batch(collector) -> None:
    """A batch is accepted, also at the path of touchpoints."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = collector.ask("/v1/touchpoints", [EVENT, EVENT | {"id": "2"}], headers=headers)
    assert answer.said == {"accepted": 2}


def test_binary(collector) -> None:
    """Attributes are percent-encoded headers; the body is the data."""
    headers = {f"ce-{name}": value for name, value in EVENT.items() if name != "data"} | {
        "ce-type": "Order%20Completed"
    }
    assert collector.ask("/v1/cloudevents", {"order_id": "17"}, headers=headers).said == {"accepted": 1}
    assert collector.kept[0]["type"] == "Order Completed"
    assert collector.kept[0]["properties"] == {"order_id": "17"}


@pytest.mark.parametrize(
    "changes", [{"specversion": "2.0"}, {"id": ""}, {"type": None}, {"time": "soon"}, {"source": 1}]
)
def test_what_the_specification_forbids(collector, changes) -> None:
    """Events that the specification forbids are answered 400, and nothing is kept."""
    answer = collector.ask("/v1/cloudevents", EVENT | changes, headers={"content-type": "application/cloudevents+json"})
    assert answer.status == 400
    assert collector.messages == []


STRUCTURED = {"content-type": "application/cloudevents+json"}
ITEM = {
    "specversion": "1.0", "id": "1", "source": "/shop", "type": "item.viewed", "subject": "item-17", "channel": "web",
}  # fmt: skip


def test_a_subject_is_what_the_event_is_about(collector) -> None:
    """A subject is no id beside another one, nor alone; it stays in the context."""
    for visitor in ("visitor-1", "visitor-2"):
        assert collector.ask("/v1/cloudevents", ITEM | {"anonymousid": visitor}, headers=STRUCTURED).status == 200
    assert [kept["ids"] for kept in collector.kept] == [{"anonymous_id": "visitor-1"}, {"anonymous_id": "visitor-2"}]
    assert {kept["context"]["subject"] for kept in collector.kept} == {"item-17"}
    assert collector.ask("/v1/cloudevents", ITEM, headers=STRUCTURED).status == 400


def test_a_source_may_say_whose_its_subjects_are(tmp_path) -> None:
    """The subject of a source that says so is an id where there is no other one."""
    collector = Collector(tmp_path, rules={"subject_is": "customer_id"})
    assert collector.ask("/v1/cloudevents", ITEM | {"subject": "c-1"}, headers=STRUCTURED).status == 200
    assert collector.ask("/v1/cloudevents", ITEM | {"anonymousid": "visitor"}, headers=STRUCTURED).status == 200
    assert [kept["ids"] for kept in collector.kept] == [{"customer_id": "c-1"}, {"anonymous_id": "visitor"}]


def test_an_address_among_the_data_is_nobodys_id(collector) -> None:
    """An address in the data may be anybody's; one in `data.ids` is the customer's."""
    event = ITEM | {"anonymousid": "visitor", "data": {"email": "friend@mail.example", "phone": "+4681234567"}}
    assert collector.ask("/v1/cloudevents", event, headers=STRUCTURED).status == 200
    own = {"data": {"ids": {"email": "ann@mail.example"}}}
    assert collector.ask("/v1/cloudevents", event | own, headers=STRUCTURED).status == 200
    assert [kept["ids"].keys() for kept in collector.kept] == [{"anonymous_id"}, {"anonymous_id", "email_sha256"}]


def test_ids_of_any_kind_are_taken(collector) -> None:
    """As in Kafka: a number that a system gave is an alias too; what can be no id at all is left out."""
    event = ITEM | {"customerid": "c-1", "data": {"ids": {"shop_customer@se": "12", "device_id": 7, "odd": [1]}}}
    assert collector.ask("/v1/cloudevents", event, headers=STRUCTURED).status == 200
    (kept,) = collector.kept
    assert kept["ids"] == {"customer_id": "c-1", "shop_customer@se": "12", "device_id": 7}


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.shop.order+json; charset=utf-8", None])
def test_data_in_base64(collector, kind) -> None:
    """JSON data in base64 become properties, whatever the type of JSON is called."""
    event = {name: value for name, value in EVENT.items() if name != "data"} | {"data_base64": packed(b'{"amount": 5}')}
    event |= {"datacontenttype": kind} if kind else {}
    assert collector.ask("/v1/cloudevents", event, headers=STRUCTURED).said == {"accepted": 1}
    assert collector.kept[0]["properties"] == {"amount": 5}


def test_data_that_are_no_json_stay_packed(collector) -> None:
    """Data of another type stay in base64."""
    event = {name: value for name, value in EVENT.items() if name != "data"}
    event |= {"data_base64": packed(b"\x89PNG"), "datacontenttype": "image/png"}
    assert collector.ask("/v1/cloudevents", event, headers=STRUCTURED).status == 200
    assert collector.kept[0]["properties"] == {"data": packed(b"\x89PNG")}


@pytest.mark.parametrize(
    "changes",
    [
        {"data_base64": packed(b"{}")},
        {"data": None, "data_base64": "?"},
        {"data": None, "data_base64": 5},
        {"data": None, "data_base64": packed(b"{")},
        {"data": None, "data_base64": packed(b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}")},
        {"data": None, "data_base64": packed(b'{"a": 1, "a": 2}')},
    ],
)
def test_packed_data_that_cannot_be_read_are_refused(collector, changes) -> None:
    """Data in base64 obey the same rules as others, and stand instead of them."""
    answer = collector.ask("/v1/cloudevents", EVENT | changes, headers=STRUCTURED)
    assert (answer.status, answer.said["problems"][0]["reason"]) == (400, "not_a_touchpoint")


def test_binary_data_of_a_vendors_json(collector) -> None:
    """A body of a vendor's type of JSON is JSON, here and at the other paths."""
    headers = {f"ce-{name}": value for name, value in EVENT.items() if name != "data"}
    vendor = {"content-type": "application/vnd.shop.order+json"}
    assert collector.ask("/v1/cloudevents", {"order_id": "17"}, headers=headers | vendor).status == 200
    call = {"userId": "c-1", "event": "Box Opened"}
    assert collector.ask("/v1/track", json.dumps(call).encode(), headers=vendor).status == 200
