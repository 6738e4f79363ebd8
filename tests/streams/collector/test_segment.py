"""Segment's HTTP API, call by call."""

import gzip
import json

import pytest

from tests.streams.collector.asking import Collector
from tracker.planning.decode import decode

TRACK = {
    "event": "Product Added", "userId": "c-1", "anonymousId": "a-1", "messageId": "m-1",
    "timestamp": "2026-11-22T10:00:00.000Z", "sentAt": "2026-11-22T10:00:05.000Z",
    "properties": {"price": 3}, "context": {"ip": "10.1.2.3", "traits": {"email": "ann@example.com"}, "locale": "sv"},
}  # fmt: skip


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def test_track(collector) -> None:
    """Ids, times, properties and context are those of a touchpoint; the IP address is left out."""
    assert collector.ask("/v1/track", TRACK).said == {"success": True}
    (kept,) = collector.kept
    assert (kept["event_id"], kept["type"], kept["channel"]) == ("m-1", "Product Added", "web")
    assert (kept["occurred_at"], kept["sent_at"]) == ("2026-11-22T10:00:00Z", "2026-11-22T10:00:05Z")
    assert kept["ids"].keys() == {"customer_id", "anonymous_id", "email_sha256"}
    assert (kept["properties"], kept["context"]) == ({"price": 3}, {"locale": "sv"})


@pytest.mark.parametrize(
    ("event", "properties", "more"),
    [
        ("Order Completed", {"revenue": 90, "total": 99.5}, {"amount": 99.5}),
        ("Order Refunded", {"total": 99.5, "amount": 5}, {}),
        ("Product Added", {"name": "A chair", "sku": "17"}, {"product": "A chair"}),
        ("Products Searched", {"query": "chair"}, {"search": "chair"}),
        ("Chair Sat On", {"total": 1, "name": "x"}, {}),
    ],
)
def test_commerce_has_our_names_too(collector, event, properties, more) -> None:
    """Commerce properties are also given the tracker's names, and the original ones stay."""
    assert collector.ask("/v1/track", TRACK | {"event": event, "properties": properties}).status == 200
    assert collector.kept[0]["properties"] == properties | more


@pytest.mark.parametrize(
    ("path", "type_"),
    [("page", "Page Viewed"), ("p", "Page Viewed"), ("screen", "Screen Viewed"), ("identify", "Identified"),
     ("i", "Identified"), ("group", "Grouped"), ("alias", "Aliased"), ("t", "Product Added")],
)  # fmt: skip
def test_each_call_has_its_type(collector, path, type_) -> None:
    """Each call has its type, by its long and its short path."""
    assert collector.ask(f"/v1/{path}", TRACK).status == 200
    assert [event["type"] for event in collector.kept] == [type_]


def test_a_browser_sends_its_key_in_the_body(collector) -> None:
    """The write key may be in a text/plain body, and it is not passed on to Kafka."""
    headers = {"content-type": "text/plain"}
    assert collector.ask("/v1/t", TRACK | {"writeKey": collector.key}, key=None, headers=headers).status == 200
    assert collector.ask("/v1/t", TRACK | {"writeKey": "wrong"}, key=None, headers=headers).status == 401
    assert collector.key not in collector.messages[0].value.decode()


def test_a_library_that_mistakes_its_type_is_understood(collector) -> None:
    """Gzip under the type of a form is accepted, as RudderStack's library for Node sends it."""
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
    body = gzip.compress(json.dumps({"batch": [TRACK | {"type": "track"}]}).encode())
    assert collector.ask("/v1/batch", body, headers=headers).said == {"success": True}


def test_the_good_calls_of_a_batch_are_kept(collector) -> None:
    """Bad calls are listed and rejected as they came; a batch with bad calls only is answered 400."""
    bad = {"type": "track", "userId": "c-1"}
    batch = [TRACK | {"type": "track"}, bad, TRACK | {"type": "page", "messageId": "m-2"}, {"type": "dance"}, 5]
    answer = collector.ask("/v1/batch", {"batch": batch})
    assert answer.status == 200
    assert [each["index"] for each in answer.said["rejected"]] == [1, 3, 4]
    assert [event["event_id"] for event in collector.kept] == ["m-1", "m-2"]
    held = collector.rejections
    assert [json.loads(each.value) for each in held] == [bad, {"type": "dance"}, 5]
    assert {(each.reason, each.place.offset) for each in held} == {("not_a_touchpoint", -1)}
    assert collector.ask("/v1/batch", {"batch": [bad]}).status == 400
    assert (len(collector.kept), len(collector.rejections)) == (2, 4)


def test_rejections_have_no_secrets(tmp_path) -> None:
    """A rejection has no addresses, no fields of the drop list, no write key and no IP address."""
    collector = Collector(tmp_path, rules={"drop": ("properties.card",)})
    bad = {
        "type": "identify", "userId": "ann@example.com", "timestamp": "soon", "writeKey": collector.key,
        "traits": {"email": "ann@example.com", "card": "visa-17", "plan": "pro"}, "context": {"ip": "10.1.2.3"},
    }  # fmt: skip
    assert collector.ask("/v1/batch", {"batch": [bad]}).status == 400
    (held,) = collector.rejections
    assert not any(word in held.value.decode() for word in ("example.com", "visa-17", "10.1.2.3", collector.key))
    assert json.loads(held.value)["traits"]["plan"] == "pro"


def test_a_type_that_is_not_allowed_is_rejected_as_a_touchpoint(tmp_path) -> None:
    """It is kept whole under its own key, so that it can be sent again once the type is allowed."""
    collector = Collector(tmp_path, rules={"types": ("Page Viewed",)})
    batch = [TRACK | {"type": "track"}, TRACK | {"type": "page", "messageId": "m-2"}]
    assert [each["reason"] for each in collector.ask("/v1/batch", {"batch": batch}).said["rejected"]] == ["not_allowed"]
    (held,) = collector.rejections
    assert (held.key, held.place.topic) == (b"c-1", "touchpoints.web")
    assert decode(held.value, held.received_at_ms).event_id == "m-1"


def test_lone_surrogates_are_rejected_too(collector) -> None:
    """Addresses and numbers are hidden even in strings with lone surrogates."""
    half = b'{"batch": [{"type": "track", "phone": "1\\ud8002", "traits": {"email": "ann@example.com\\udfff"}}]}'
    assert collector.ask("/v1/batch", half).status == 400
    (held,) = collector.rejections
    assert b"example" not in held.value and held.value.startswith(b'{"type": "track", "phone": "phone:hmac-')


def test_a_call_that_is_too_deep_is_rejected_without_its_bytes(collector) -> None:
    """A call that is nested too deep is rejected without its content."""
    deep = b'{"batch": [' + b'{"a":' * 600 + b"1" + b"}" * 600 + b', {"a": "\\ud800 \\u0000"}]}'
    assert collector.ask("/v1/batch", deep.replace(b"\\\\", b"\\")).status == 400
    assert [each.value is None for each in collector.rejections] == [True, False]


def test_a_call_without_an_id_gets_the_same_one_again(collector) -> None:
    """A call without an id gets the same one each time, and a long id is shortened."""
    call = {key: value for key, value in TRACK.items() if key != "messageId"}
    for sent in (call, call, call | {"event": "Other"}, call | {"messageId": "x" * 200}):
        assert collector.ask("/v1/track", sent).status == 200
    first, again, other, long = (event["event_id"] for event in collector.kept)
    assert first == again != other
    assert len(long) == 32


@pytest.mark.parametrize("body", [{"batch": []}, {"batch": {}}, {}, [], 1])
def test_what_is_no_batch_is_refused(collector, body) -> None:
    """A body that is not a batch is answered 400."""
    assert collector.ask("/v1/batch", body).status == 400
