"""CloudEvents in Kafka's topics, by both modes of the protocol binding."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from schemas.rejection import Rejection
from schemas.topics import REJECTED
from tests.flow.harness import WEB, Worker, World, definition
from tests.streams.collector.asking import Collector
from tests.touchpoints import START_MS, Record, residents, touchpoint
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.planning.cloud_events import read
from tracker.planning.decode import decode
from tracker.planning.plan import PartitionBatch, Reading
from tracker.planning.planner import Planner
from tracker.touch import Touch

HERE = residents(0, 2, 1)[0]
STRANGER = residents(1, 2, 1)[0]
DATA = {"ids": {"anonymous_id": "a-1", "email": "ann@example.com"}, "amount": 99.5, "context": {"campaign": "x"}}
EVENT = {"specversion": "1.0", "id": "17", "source": "/shop", "type": "Order Completed", "customerid": "c-1",
         "time": "2026-11-22T10:00:00Z", "subject": "order-17", "datacontenttype": "application/json",
         "traceparent": "00-1"}  # fmt: skip
Headers = Sequence[tuple[str, bytes | None]]


def binary(event: dict, data: bytes | None = b"{}") -> tuple[bytes | None, Headers]:
    """The value and the headers in binary mode."""
    named = {("content-type" if name == "datacontenttype" else f"ce_{name}"): value for name, value in event.items()}
    return data, [(name, value.encode()) for name, value in named.items()]


def structured(event: dict, data: object = None) -> tuple[bytes, Headers]:
    """The value and the headers in structured mode."""
    whole = event if data is None else event | {"data": data}
    return json.dumps(whole).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def touched(value: bytes | None, headers: Headers, topic: str = "touchpoints.shop") -> Touch:
    event = read(topic, value, headers, START_MS)
    assert event is not None
    assert event.touchpoint is not None, event.fault
    touch = decode(event.touchpoint, START_MS)
    assert isinstance(touch, Touch), touch
    return touch


@pytest.mark.parametrize("form", [binary(EVENT, json.dumps(DATA).encode()), structured(EVENT, DATA)])
def test_both_modes_say_the_same(form) -> None:
    """Attributes, data and extensions become the fields of one touchpoint; a raw address is no id."""
    touch = touched(*form)
    assert (touch.customer, touch.type, touch.channel, touch.links) == (
        "c-1", "Order Completed", "shop", ("anonymous_id:a-1",),
    )  # fmt: skip
    assert touch.properties["amount"] == 99.5
    assert touch.context["campaign"] == "x"
    assert touch.context["traceparent"] == "00-1"


def test_it_is_the_event_that_the_collector_would_make(tmp_path) -> None:
    """One event by HTTP and by Kafka has one id, one time, one type and one set of properties."""
    collector = Collector(tmp_path, rules={"channel": "shop"})
    for number, source in enumerate(["/shop", "/" + "s" * 200]):
        event = EVENT | {"source": source, "data": {"ids": {"customer_id": "c-1"}, "properties": {"amount": 99.5}}}
        body = json.dumps(event).encode()
        headers = {"content-type": "application/cloudevents+json"}
        assert collector.ask("/v1/cloudevents", body, headers=headers).status == 200
        theirs = decode(json.dumps(collector.kept[number]).encode(), START_MS)
        ours = touched(body, [])
        assert isinstance(theirs, Touch)
        assert (ours.event_id, ours.type, ours.properties) == (theirs.event_id, theirs.type, theirs.properties)


def test_a_subject_is_no_id() -> None:
    """What an event is about is often a thing, so a touchpoint with a subject alone is nobody's."""
    anybody = {name: value for name, value in EVENT.items() if name != "customerid"}
    event = read("touchpoints.shop", *structured(anybody), START_MS)
    assert event is not None
    assert event.touchpoint is not None
    assert decode(event.touchpoint, START_MS).reason == "no_id"


@pytest.mark.parametrize(
    ("event", "data", "properties"),
    [
        ({}, b"", {}),
        ({}, b'{"properties":{"a":1},"b":2}', {"a": 1}),
        ({"datacontenttype": "application/vnd.shop+json"}, b'{"a":1}', {"a": 1}),
        ({"datacontenttype": "text/plain"}, "värt".encode(), {"data": "värt"}),
        ({"datacontenttype": "application/json"}, b"[1]", {"data": [1]}),
    ],
)
def test_data_of_any_type(event, data, properties) -> None:
    """Data that are an object become the properties; any other data are kept under `data`."""
    assert touched(*binary(EVENT | event, data)).properties == properties


def test_data_in_base64() -> None:
    """Structured events may have their data in base64."""
    packed = base64.b64encode(b'{"amount":1}').decode()
    assert touched(*structured(EVENT | {"data_base64": packed})).properties == {"amount": 1}


def test_without_a_time_the_brokers_counts() -> None:
    """An event without `time` happened when the broker received it."""
    timeless = {name: value for name, value in EVENT.items() if name != "time"}
    assert touched(*binary(timeless)).at_ms == START_MS


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{}", []),
        (None, []),
        (b'{"specversion":"1.0"', []),
        (b'["specversion"]', []),
        (b'{"a":{"specversion":"1.0"}}', []),
        (b"[" * 600 + b'"specversion"', []),
        (b"{}", [("ce_specversion", None)]),
        (b"{}", [("ce_specversion", b"\xff")]),
    ],
)
def test_other_records_are_no_cloudevents(value, headers) -> None:
    """Without the mark of the specification a record is judged as a touchpoint."""
    assert read("touchpoints.web", value, headers, START_MS) is None


@pytest.mark.parametrize(
    ("event", "data", "said"),
    [
        ({"id": ""}, b"{}", "id of a CloudEvent are required"),
        ({"specversion": "0.3"}, b"{}", "specversion '0.3' is not supported"),
        ({}, b"{", "the data of the CloudEvent are not application/json"),
        ({}, b'{"a":123456789012345678901234567890}', ""),
    ],
)
def test_a_faulty_event_is_refused_whole(event, data, said) -> None:
    """The reason is told, and what is kept is the event in structured mode, complete without headers."""
    found = read("touchpoints.web", *binary(EVENT | event, data), START_MS)
    assert found is not None
    assert said in found.fault
    assert json.loads(found.structured)["type"] == "Order Completed"
    again = read("touchpoints.web", found.structured, [], START_MS)
    assert again is not None
    assert again.fault == found.fault


def planned(value: bytes | None, headers: Headers) -> Reading:
    planner = Planner(CustomerFold([definition()]), partitions=2)
    return planner.read(0, [PartitionBatch(WEB, 0, [Record(10, value, b"key", headers=headers)])], START_MS)


def test_a_stranger_is_sent_home_as_a_touchpoint() -> None:
    """What travels to another partition is the touchpoint, since headers stay behind."""
    (message,) = planned(*binary(EVENT | {"customerid": STRANGER})).messages
    assert b'"customer_id":"%s"' % STRANGER.encode() in message.value


def test_a_refused_event_is_set_aside_with_its_attributes() -> None:
    """The rejection holds all that is needed to read the event again."""
    reading = planned(*binary(EVENT | {"customerid": "undefined"}))
    (message,) = reading.messages
    rejection = msgspec.json.decode(message.value, type=Rejection)
    assert (message.topic, rejection.reason, reading.counts["rejected"]) == (REJECTED, "no_id", 1)
    assert json.loads(rejection.value or b"")["customerid"] == "undefined"


def test_it_moves_its_customer_on() -> None:
    """A journey goes on by a CloudEvent as by a touchpoint, and the same event counts once."""
    world = World()
    world.produce(WEB, touchpoint(HERE, at_ms=START_MS - 1_000), to=HERE)
    said = EVENT | {
        "type": "Product Added",
        "customerid": HERE,
        "time": datetime.fromtimestamp(START_MS / 1000, UTC).isoformat(),
    }
    for value, headers in (binary(said), structured(said)):
        world.produce(WEB, value, to=HERE, headers=headers)

    async def scenario() -> None:
        worker = Worker(world)
        await worker.own()
        await worker.stop()

    run(scenario())
    assert [each.stage for each in world.transitions(HERE)] == ["seen", "cart"]
