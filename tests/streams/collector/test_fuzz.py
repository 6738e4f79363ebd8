"""Whatever comes: an answer below 500, at once, and what is kept can be read by the workers."""

import asyncio
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.rejection import Rejection
from schemas.topics import REJECTED
from streams.collector.app import wire
from streams.publisher import MemoryPublisher
from tests.streams.collector.asking import Collector
from tests.touchpoints import START_MS
from tracker.decode import decode
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
    messages = [message for parcel in publisher.parcels for message in parcel.messages]
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
    """Documents that nearly are events."""
    if path == "/v1/batch":
        document = {"batch": document}
    if path == "/v1/webhooks/desk" and isinstance(document, dict):
        document = {"freshdesk_webhook": TICKET | document}
    ask(collector, path, json.dumps(document).encode(), headers={**headers, "content-type": kind})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), st.binary(max_size=200), HEADERS)
def test_bytes(collector, path, body, headers) -> None:
    """Bytes that nearly never are JSON, under any headers."""
    ask(collector, path, body, headers=headers)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.sampled_from(["GET", "PUT", "POST", "BREW"]), st.text(max_size=20))
def test_paths_and_keys(collector, path, method, key) -> None:
    """Any path, any method, any key."""
    answer_path = "/" + path
    ask(collector, answer_path, b"{}", method=method, headers={"authorization": "Bearer " + key.encode().hex()})
