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
        ("Wishlist Product Added to Cart", {"name": "Lamp"}, {"product": "Lamp"}),
        ("Product Added to Wishlist", {"name": "Lamp"}, {"product": "Lamp"}),
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


ADDRESSES = {"email": "office@works.example", "phone": "+4681234567"}


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("group", {"groupId": "works", "traits": {"name": "The Works", **ADDRESSES}}),
        ("track", {"event": "Gift Sent", "properties": ADDRESSES}),
        ("page", {"name": "Gifts", "properties": ADDRESSES}),
        ("screen", {"properties": ADDRESSES}),
        ("track", {"event": "Gift Sent", "traits": ADDRESSES}),
        ("alias", {"previousId": "visitor", "traits": ADDRESSES}),
    ],
)
def test_the_address_of_somebody_else_is_nobodys_id(collector, path, call) -> None:
    """Addresses of a company, of a friend and of any event's properties make no alias, and are hidden all the same."""
    assert collector.ask(f"/v1/{path}", {"anonymousId": "visitor", **call}).status == 200
    (kept,) = collector.kept
    assert kept["ids"].keys() <= {"anonymous_id", "account_id"}
    assert b"office@" not in collector.messages[0].value


@pytest.mark.parametrize(
    "call",
    [{"traits": ADDRESSES}, {"context": {"traits": ADDRESSES}}, {"traits": {}, "context": {"traits": ADDRESSES}}],
)
def test_the_traits_of_identify_are_the_persons_own(collector, call) -> None:
    """The address and the number that `identify` names are aliases of the person."""
    assert collector.ask("/v1/identify", {"anonymousId": "visitor", **call}).status == 200
    assert collector.kept[0]["ids"].keys() == {"anonymous_id", "email_sha256", "phone_sha256"}


def test_the_traits_of_the_context_are_the_persons_own_in_every_call(collector) -> None:
    """An event and a group's call have the person's traits in their context."""
    context = {"context": {"traits": ADDRESSES}}
    assert collector.ask("/v1/track", {"userId": "c-1", "event": "Box Opened", **context}).status == 200
    assert collector.ask("/v1/group", {"userId": "c-1", "groupId": "works", **context}).status == 200
    assert all({"email_sha256", "phone_sha256"} <= kept["ids"].keys() for kept in collector.kept)


@pytest.mark.parametrize(
    ("path", "call", "properties"),
    [
        ("screen", {"name": "Start", "properties": {}}, {"name": "Start"}),
        ("page", {"name": "Prices"}, {"name": "Prices"}),
        ("page", {"name": "Prices", "category": "Docs"}, {"name": "Prices", "category": "Docs"}),
        ("page", {"name": None, "properties": {"name": "Mine"}}, {"name": "Mine"}),
        ("page", {"name": "Prices", "properties": {"name": "Mine"}}, {"name": "Mine"}),
        ("page", {"properties": {"url": "https://shop.example/a/b?q=1#c"}},
         {"url": "https://shop.example/a/b?q=1#c", "path": "/a/b"}),
        ("page", {"properties": {"url": "https://shop.example"}}, {"url": "https://shop.example", "path": "/"}),
        ("page", {"properties": {"url": "https://shop.example/a", "path": "/mine"}},
         {"url": "https://shop.example/a", "path": "/mine"}),
        ("page", {"context": {"page": {"path": "/a", "title": "A", "url": "https://shop.example/a"}}},
         {"path": "/a", "title": "A"}),
        ("page", {"properties": {"url": "https://[broken"}}, {"url": "https://[broken"}),
        ("screen", {"name": "Start", "properties": {"url": "app://start/here"}},
         {"name": "Start", "url": "app://start/here"}),
        ("track", {"event": "Box Opened", "name": "No field of this call"}, None),
    ],
)  # fmt: skip
def test_pages_and_screens_keep_their_names(collector, path, call, properties) -> None:
    """Name, category and path stand among the properties, whatever else there is; what is said of them there counts."""
    assert collector.ask(f"/v1/{path}", {"userId": "c-1", **call}).status == 200
    assert collector.kept[0].get("properties") == properties


def test_traits_in_the_context_are_properties_of_identify(collector) -> None:
    """RudderStack sends traits in the context; of two values of one trait that of the call itself counts."""
    context = {"traits": {"plan": "silver", "city": "Lund"}}
    assert collector.ask("/v1/identify", {"userId": "c-1", "context": context}).status == 200
    assert (
        collector.ask("/v1/identify", {"userId": "c-1", "context": context, "traits": {"plan": "gold"}}).status == 200
    )
    assert [kept["properties"] for kept in collector.kept] == [
        {"plan": "silver", "city": "Lund"}, {"plan": "gold", "city": "Lund"},
    ]  # fmt: skip
    assert all("traits" not in kept["context"] for kept in collector.kept)


def test_a_clock_that_began_in_1970_is_corrected(collector) -> None:
    """A device whose clock began in 1970 says by `sentAt` how long ago it happened."""
    call = {"userId": "c-1", "event": "Box Opened", "timestamp": "1970-01-01T00:04:00Z"}
    assert collector.ask("/v1/track", call | {"sentAt": "1970-01-01T00:05:00Z"}).status == 200
    (message,) = collector.messages
    touch = decode(message.value, None)
    assert abs(touch.at_ms - (collector.kept[0]["received_at"] - 60_000)) <= 30_000
    assert collector.ask("/v1/track", call).status == 400, "nothing says how wrong the clock is"


def test_types_are_compared_in_one_form(tmp_path) -> None:
    """A type is stored in NFC, so that a letter and its accent are the same type in either spelling."""
    collector = Collector(tmp_path, rules={"types": ("Caf\u00e9 Viewed",)})
    assert collector.ask("/v1/track", {"userId": "c-1", "event": "Cafe\u0301 Viewed"}).status == 200
    assert collector.kept[0]["type"] == "Caf\u00e9 Viewed"
