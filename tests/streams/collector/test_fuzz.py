"""Any request gets an answer below 500 at once, and the workers can read what is kept."""

import asyncio
import json
import socket
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.rejection import Rejection
from schemas.topics import REJECTED
from streams.clients.publisher import MemoryPublisher
from streams.collector.app import wire
from tests.streams.collector.asking import Collector, basic
from tests.streams.collector.living import living, require_readable
from tests.touchpoints import START_MS
from tracker.planning.decode import decode
from tracker.touch import Touch

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "1\ud8002", "a@b.co\udfff", "ann@example.com", "+46 70 123 45 67"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["event_id", "type", "channel", "occurred_at", "sent_at", "ids", "properties", "context", "schema", "touchpoints",
     "batch", "writeKey", "userId", "anonymousId", "messageId", "timestamp", "traits", "event", "specversion", "id",
     "source", "time", "data", "received_at", "phone", "email"]
)  # fmt: skip
VALUES = JSON | st.sampled_from(
    ["web", "track", "page", "1.0", START_MS, "2026-11-22T10:00:00Z", "c-1", {"customer_id": "c"}]
)
GOOD = {
    "event_id": "1", "type": "t", "channel": "web", "occurred_at": START_MS, "ids": {"customer_id": "c"}, "event": "E",
    "userId": "c", "specversion": "1.0", "id": "1", "source": "s",
}  # fmt: skip
TICKET = {"event": "ticket_created", "ticket_id": 5, "customer_id": "c"}
EVENTS = st.dictionaries(NAMES, VALUES, max_size=6).map(lambda changes: GOOD | changes)
PATHS = ["/v1/touchpoints", "/v1/cloudevents", "/v1/track", "/v1/batch", "/v1/identify", "/v1/webhooks/desk"]
TYPES = ["application/json", "text/plain", "application/cloudevents+json", "application/cloudevents-batch+json", "x/y"]
HEADERS = st.dictionaries(
    st.sampled_from(["content-encoding", "content-length", "ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time",
                     "origin", "x-request-id", "x-forwarded-for", "transfer-encoding", "x-ext"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def collector(tmp_path_factory) -> Collector:
    made = Collector(tmp_path_factory.mktemp("fuzz"), {
        "COLLECTOR_ADDRESS_REQUESTS_PER_S": "1000000", "COLLECTOR_KEY_EVENTS_PER_S": "10000000",
    })  # fmt: skip
    made.key = made.add("desk", sender="freshdesk")
    return made


def ask(collector: Collector, path: str, body: bytes, **options) -> None:
    publisher = MemoryPublisher()

    async def scenario():
        collector.wired = wire(collector.settings, lambda: None, publisher)
        collector.wired.delivery.start()
        try:
            async with asyncio.timeout(5):
                return await collector.one(path, body, **options)
        finally:
            await collector.wired.delivery.close()

    answer = asyncio.run(scenario())
    assert answer.status < 500, answer.body
    assert isinstance(answer.said, dict)
    messages = [message for batch in publisher.batches for message in batch.messages]
    held = [msgspec.json.decode(message.value, type=Rejection) for message in messages if message.topic == REJECTED]
    assert len(held) <= len(answer.said.get("rejected") or answer.said.get("problems") or ())
    messages = [message for message in messages if message.topic != REJECTED]
    assert answer.status == 200 or not messages
    for message in messages:
        touch = decode(message.value, START_MS)
        assert isinstance(touch, Touch)
        assert touch.customer.encode() == message.key
        assert message.topic == f"touchpoints.{touch.channel}"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), EVENTS | st.lists(EVENTS, max_size=3) | JSON, st.sampled_from(TYPES), HEADERS)
def test_documents(collector, path, document, kind, headers) -> None:
    """Documents that are nearly events get an answer below 500."""
    if path == "/v1/batch":
        document = {"batch": document}
    if path == "/v1/webhooks/desk" and isinstance(document, dict):
        document = {"freshdesk_webhook": TICKET | document}
    ask(collector, path, json.dumps(document).encode(), headers={**headers, "content-type": kind})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), st.binary(max_size=200), HEADERS)
def test_bytes(collector, path, body, headers) -> None:
    """Random bytes under any headers get an answer below 500."""
    ask(collector, path, body, headers=headers)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.sampled_from(["GET", "PUT", "POST", "BREW"]), st.text(max_size=20))
def test_paths_and_keys(collector, path, method, key) -> None:
    """Any path, method and key gets an answer below 500."""
    answer_path = "/" + path
    ask(collector, answer_path, b"{}", method=method, headers={"authorization": "Bearer " + key.encode().hex()})


GOOD_BYTES = json.dumps(GOOD).encode()
LINES = st.sampled_from(
    [b"POST /v1/touchpoints HTTP/1.1", b"POST /v1/batch HTTP/1.1", b"GET / HTTP/1.0", b"POST /v1/track HTTP/9.9", b"X",
     b"POST http://x/v1/t HTTP/1.1", b"POST /v1/touchpoints HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1", b"PRI * HTTP/2.0"]
)  # fmt: skip
FIELDS = st.lists(
    st.sampled_from([
        b"Host: x", b"Host: y", b"Content-Length: 5", b"Content-Length: %d" % len(GOOD_BYTES), b"Content-Length: 1e3",
        b"Content-Length: +5", b"Content-Length: 5, 5", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked",
        b"Expect: 100-continue", b"Upgrade: websocket", b"Connection: upgrade", b"Connection: close",
        b"Content-Type: application/json", b" folded: yes", b"No colon", b"X: a\nTransfer-Encoding: chunked",
        b"X\x00: 1", b"X: \xff\x00", b"KEY", b"Content-Encoding: gzip",
    ]),
    max_size=6,
)  # fmt: skip
BODIES = st.sampled_from(
    [b"", GOOD_BYTES, b"5\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\nx", b"-1\r\n\r\n",
     b"0\r\n\r\nGET /v1 HTTP/1.1\r\n\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD_BYTES), GOOD_BYTES)]
) | st.binary(max_size=50)  # fmt: skip


@pytest.fixture(scope="module")
def address(collector) -> Iterator[tuple[str, int]]:
    with living(collector) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


@settings(max_examples=200, deadline=None)
@given(LINES, FIELDS, BODIES)
def test_raw_requests(collector, address, line, fields, body) -> None:
    """Contradicting heads and bodies on a real connection get an answer below 500 or none, and the connection ends."""
    key = b"Authorization: " + basic(collector.key).encode()
    head = b"\r\n".join([line, *(key if field == b"KEY" else field for field in fields)])
    with socket.create_connection(address, 5) as connection:
        connection.sendall(head + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while more := connection.recv(65_536):
            said += more
    statuses = [answer[:3] for answer in said.split(b"HTTP/1.1 ")[1:]]
    assert all(status < b"500" for status in statuses), said
    require_readable(collector)
