"""What holds at every door of an SDK."""

import asyncio
import base64
import json
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import segment, vocabulary
from schemas.rejection import Rejection
from schemas.sdks.amplitude import AMPLITUDE
from schemas.sdks.ga4 import GA4
from schemas.sdks.mixpanel import MIXPANEL, MIXPANEL_PROFILES
from schemas.sdks.posthog import POSTHOG
from schemas.sdks.snowplow import SNOWPLOW
from schemas.topics import REJECTED
from streams.clients.publisher import MemoryPublisher, Unpublished
from streams.collector.app import wire
from tests.streams.collector.asking import Answer, Collector
from tests.streams.collector.test_fuzz import JSON
from tracker.planning.decode import decode
from tracker.touch import Touch

PIXEL = base64.b64encode(b'{"userId":"c-1","event":"Seen","messageId":"m-1"}').decode()
TABLES = [POSTHOG, MIXPANEL, MIXPANEL_PROFILES, AMPLITUDE, SNOWPLOW, GA4]
DOORS = [
    ("/batch/", {"batch": [{"event": "a", "distinct_id": "u", "uuid": "1"}]}),
    ("/2/httpapi", {"events": [{"event_type": "a", "user_id": "u"}]}),
    ("/track", [{"event": "a", "properties": {"distinct_id": "u"}}]),
    ("/import", [{"event": "a", "properties": {"distinct_id": "u"}}]),
    ("/engage", [{"$distinct_id": "u", "$set": {"a": 1}}]),
    ("/groups", [{"$group_id": "u", "$set": {"a": 1}}]),
    ("/com.snowplowanalytics.snowplow/tp2", {"data": [{"e": "pv", "uid": "u", "eid": "1"}]}),
    ("/mp/collect", {"user_id": "u", "events": [{"name": "a"}]}),
]


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


@pytest.mark.parametrize("table", TABLES)
def test_tables_write_the_types_of_all(table) -> None:
    """Each type that a table of an SDK writes is in the vocabulary."""
    assert set(table.events.values()) <= vocabulary.TYPES.keys()


@pytest.mark.parametrize(("path", "body"), DOORS)
def test_2xx_means_that_kafka_has_it(tmp_path, path, body) -> None:
    """While Kafka does not confirm, every door answers 503, in whatever form its SDK reads."""

    class Silent(MemoryPublisher):
        async def publish(self, batch) -> None:
            raise Unpublished("no answer")

    collector = Collector(tmp_path)
    collector.publisher = Silent()
    answer = collector.ask(path, body)
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert answer.said.get("code", 503) == 503
    assert answer.said.get("status", 0) == 0


@pytest.mark.parametrize(("path", "body"), DOORS)
def test_rules_of_the_source_hold(tmp_path, path, body) -> None:
    """A source that may send other types alone is refused at every door, and the event is kept aside."""
    collector = Collector(tmp_path, rules={"types": ("Order Completed",)})
    assert collector.ask(path, body).status in {200, 204}
    assert collector.kept == []
    assert [each.reason for each in collector.rejections] == ["not_allowed"]


def test_a_channel_of_the_users_own_table_counts(tmp_path) -> None:
    """COLLECTOR_TABLES says where an event happened that has a name of its own."""
    tables = tmp_path / "tables.yaml"
    tables.write_text("channels: {Visit Booked: support}\n")
    collector = Collector(tmp_path, {"COLLECTOR_TABLES": str(tables)})
    body = {"batch": [{"event": "Visit Booked", "distinct_id": "u"}]}
    assert collector.ask("/batch/", body).status == 200
    assert [each["channel"] for each in collector.kept] == ["support"]


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/batch/", {"event": "a", "properties": {"$ip": "10.1.2.3", "$set": {"user_hash": "proof"}}}),
        ("/2/httpapi", {"event_type": "a", "ip": "10.1.2.3", "user_properties": {"user_hash": "proof"}}),
        ("/track", {"event": "a", "properties": {"ip": "10.1.2.3", "user_hash": "proof"}}),
    ],
)
def test_what_is_put_aside_has_no_secrets(collector, path, event) -> None:
    """An event of nobody is kept as it came, without the machine's address, the key and the proof of an id."""
    body = {"api_key": collector.key, "events" if path == "/2/httpapi" else "batch": [event]}
    assert collector.ask(path, [event] if path == "/track" else body).status == 200
    (rejection,) = collector.rejections
    assert not any(secret in rejection.value for secret in (b"10.1.2.3", b"proof", collector.key.encode()))


@pytest.mark.parametrize("name", segment.TYPES)
def test_segments_pixel(collector, name) -> None:
    """A call in the query of an image, in base64 or plain, with its key inside, is answered with a picture."""
    call = {
        "writeKey": collector.key,
        "userId": "c-1",
        "event": "Seen",
        "groupId": "g",
        "previousId": "p",
        "messageId": "m",
    }
    for data in (base64.b64encode(json.dumps(call).encode()).decode(), json.dumps(call)):
        answer = collector.ask(f"/v1/pixel/{name}?data={quote(data)}", b"", method="GET", key=None)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert {each["event_id"] for each in collector.kept} == {"m"}
    assert [each["type"] for each in collector.kept] == [segment.TYPES[name] or "Seen"] * 2


def test_segments_import(collector) -> None:
    """`/v1/import` takes old calls as `/v1/batch` does, with the times that they have."""
    call = {"type": "track", "event": "Order Completed", "userId": "c-1", "timestamp": "2020-01-01T00:00:00Z"}
    assert collector.ask("/v1/import", {"batch": [call]}).said == {"success": True}
    assert [each["occurred_at"] for each in collector.kept] == ["2020-01-01T00:00:00Z"]


@pytest.mark.parametrize("time", [1e300, -1e300, 10**18, "9" * 30, "9" * 18, True, [], {}, "yesterday"])
@pytest.mark.parametrize(("path", "body"), DOORS)
def test_an_impossible_time_is_put_aside(collector, path, body, time) -> None:
    """A time that no clock shows is no fault of the collector."""
    fields = dict.fromkeys(("timestamp", "time", "dtm", "ttm", "timestamp_micros", "$time"), time)
    text = json.dumps(body).replace('": "u"', '": "u", ' + json.dumps(fields)[1:-1])
    assert collector.ask(path, text.encode()).status in {200, 204}
    assert len(collector.messages) == 1


NAMES = st.sampled_from(
    ["event", "properties", "distinct_id", "uuid", "$set", "batch", "events", "event_type", "user_id", "device_id",
     "time", "insert_id", "event_properties", "user_properties", "groups", "data", "e", "uid", "eid", "dtm", "stm",
     "ue_pr", "co", "cx", "name", "params", "client_id", "timestamp_micros", "user_data", "$distinct_id", "$group_id",
     "timestamp", "sent_at", "offset", "client_upload_time", "alias", "$groups", "$distinct_ids", "$anon_distinct_id",
     "tr_tt", "$lib", "library", "$device_id", "$user_id", "aid", "$group_key"]
)  # fmt: skip
VALUES = JSON | st.sampled_from(["$identify", "$create_alias", "$merge", "$groupidentify", "ue", "purchase", "u-1", 17])
VALUES |= st.dictionaries(NAMES, VALUES, max_size=2)
OBJECTS = st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=4), max_size=5)
PATHS = [path for path, _ in DOORS]
GOOD = {"distinct_id": "u", "event": "a", "event_type": "a", "user_id": "u", "name": "a", "uid": "u", "$group_id": "g"}


@pytest.fixture(scope="module")
def pressed(tmp_path_factory) -> Collector:
    limits = {"COLLECTOR_ADDRESS_REQUESTS_PER_S": "1000000", "COLLECTOR_KEY_EVENTS_PER_S": "10000000"}
    return Collector(tmp_path_factory.mktemp("sdks"), limits)


@given(path=st.sampled_from(PATHS), event=OBJECTS, inside=OBJECTS, form=st.integers(0, 3))
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_any_event_gets_an_answer(pressed, path, event, inside, form) -> None:
    """Whatever an SDK sends gets an answer below 500, and the workers can read what is kept."""
    one = GOOD | {"properties": inside} | event
    body = [{"batch": [one]}, {"events": [one]}, {"data": [one]}, [one]][form]
    pressed.publisher = MemoryPublisher()
    answer = asyncio.run(_asked(pressed, path, body))
    assert answer.status < 500, answer.body
    for message in pressed.messages:
        if message.topic == REJECTED:
            msgspec.json.decode(message.value, type=Rejection)
        else:
            assert isinstance(decode(message.value, None), Touch)


async def _asked(collector: Collector, path: str, body: object) -> Answer:
    collector.wired = wire(collector.settings, lambda: None, collector.publisher)
    collector.wired.delivery.start()
    try:
        async with asyncio.timeout(10):
            return await collector.one(path, body)
    finally:
        await collector.wired.delivery.close()
