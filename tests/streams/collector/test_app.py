"""Requests of producers and what Kafka has afterwards."""

import gzip
import json

import pytest

from streams.collector.metrics import SERIES
from streams.errors import ConfigurationError
from streams.settings.settings import read
from tests.streams.collector.asking import Collector, basic
from tests.touchpoints import START_MS, touchpoint
from tracker.home import home
from tracker.planning.decode import decode


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def one(**fields) -> dict:
    return json.loads(touchpoint("c-1", **fields))


def test_a_touchpoint_comes_to_its_home(collector) -> None:
    """It stands in its channel's topic, under the customer's name, in the customer's partition."""
    answer = collector.ask("/v1/touchpoints", one())
    assert (answer.status, answer.said) == (200, {"accepted": 1})
    (message,) = collector.messages
    assert (message.topic, message.key, message.partition) == ("touchpoints.web", b"c-1", home("c-1", 8))
    assert decode(message.value, None).at_ms == START_MS
    assert collector.kept[0]["received_at"] > START_MS


def test_further_kinds_of_alias_have_a_home(tmp_path) -> None:
    """The key is the strongest by the installation's own order."""
    collector = Collector(tmp_path, {"TRACKER_ALIAS_KINDS": "customer_id,device_id,anonymous_id"})
    ids = {"anonymous_id": "a", "device_id": "d"}
    assert collector.ask("/v1/touchpoints", one(ids=ids)).status == 200
    (message,) = collector.messages
    assert (message.key, message.partition) == (b"device_id:d", home("device_id:d", collector.settings.partitions))


@pytest.mark.parametrize("wrapped", [False, True])
def test_many_at_once(collector, wrapped) -> None:
    """A list, or an object with a list, is accepted whole."""
    events = [one(event_id=f"e{number}") for number in range(120)]
    answer = collector.ask("/v1/touchpoints", {"touchpoints": events} if wrapped else events)
    assert answer.said == {"accepted": 120}
    assert [event["event_id"] for event in collector.kept] == [event["event_id"] for event in events]


def test_one_bad_touchpoint_refuses_all(collector) -> None:
    """Nothing is kept, and each problem is listed with its index."""
    answer = collector.ask("/v1/touchpoints", [one(), one(channel="sea"), one(ids={"customer_id": "null"}), 7])
    assert answer.status == 400
    assert [(each["index"], each["reason"]) for each in answer.said["problems"]] == [
        (1, "not_a_touchpoint"), (2, "no_id"), (3, "not_a_touchpoint"),
    ]  # fmt: skip
    assert collector.messages == []


def test_every_problem_is_listed(collector) -> None:
    """All problems of a request are listed, however many there are."""
    answer = collector.ask("/v1/touchpoints", [one(channel="sea")] * 2_500)
    assert [each["index"] for each in answer.said["problems"]] == list(range(2_500))


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"key": None}, 401),
        ({"headers": {"authorization": basic("wk_wrong")}}, 401),
        ({"headers": {"authorization": "Basic ?"}}, 401),
        ({"headers": {"content-type": "application/xml"}}, 415),
        ({"headers": {"content-encoding": "br"}}, 415),
        ({"headers": {"content-length": "9999999"}}, 413),
        ({"headers": {"content-length": "1", "transfer-encoding": "chunked"}}, 400),
        ({"method": "GET"}, 405),
    ],
)
def test_a_wrong_request_is_refused(collector, options, status) -> None:
    """A wrong request gets its status, and nothing is kept."""
    answer = collector.ask("/v1/touchpoints", one(), **options)
    assert answer.status == status
    assert answer.said["request_id"] == answer.headers["x-request-id"]
    assert collector.messages == []


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/touchpoints/", "/v1//touchpoints", "/v1/../v1/touchpoints", "/é"])
def test_other_paths_lead_nowhere(collector, path) -> None:
    """Any other path is answered 404."""
    assert collector.ask(path, one()).status == 404


def test_a_source_keeps_to_its_rules(tmp_path) -> None:
    """Channels and types that a source may not send are 403; fields of its drop list are removed."""
    collector = Collector(
        tmp_path, rules={"channel": "web", "types": ("Page Viewed",), "drop": ("properties.card", "context")}
    )
    assert collector.ask("/v1/touchpoints", one(channel="shop")).status == 403
    assert collector.ask("/v1/touchpoints", one(kind="Other")).status == 403
    event = one(properties={"card": "4111", "path": "/"}, context={"a": 1})
    del event["channel"]
    assert collector.ask("/v1/touchpoints", event).status == 200
    (kept,) = collector.kept
    assert (kept["properties"], kept["channel"], "context" in kept) == ({"path": "/"}, "web", False)


def test_addresses_and_numbers_become_hashes(collector) -> None:
    """No raw address or number reaches Kafka, and the same address is the same customer."""
    properties = {"note": "ask Ann@Example.com", "phone": "+46 70 123 45 67"}
    raw = one(ids={"email": " Ann@Example.com "}, properties=properties)
    assert collector.ask("/v1/touchpoints", raw).status == 200
    assert collector.ask("/v1/touchpoints", one(ids={"customer_id": "ann@example.com"})).status == 200
    assert b"xample.com" not in b"".join(message.value for message in collector.messages).lower()
    assert b"123" not in collector.kept[0]["properties"]["phone"].encode()[:6]
    assert collector.kept[0]["ids"]["email_sha256"] == collector.kept[1]["ids"]["email_sha256"]


def test_an_address_may_be_an_event_id_or_a_type(collector) -> None:
    """An address is hidden in event ids and types too, and equal ids stay equal."""
    events = [one(kind="Mail to ann@example.com", event_id=f"welcome/ann@example.com/{'x' * 90}") for _ in range(2)]
    assert collector.ask("/v1/touchpoints", events).status == 200
    first, again = collector.kept
    assert first["event_id"] == again["event_id"] and len(first["event_id"]) <= 128
    assert b"example.com" not in b"".join(message.value for message in collector.messages)


def test_gzip_is_counted_while_it_inflates(collector) -> None:
    """A gzip body is accepted; a gzip bomb is refused before it is unpacked."""
    packed = {"headers": {"content-encoding": "gzip"}}
    assert collector.ask("/v1/touchpoints", gzip.compress(json.dumps(one()).encode()), **packed).status == 200
    assert collector.ask("/v1/touchpoints", gzip.compress(b" " * 200_000_000), **packed).status == 413
    assert collector.ask("/v1/touchpoints", gzip.compress(b"{}")[:-4], **packed).status == 400
    assert collector.ask("/v1/touchpoints", b"{}", **packed).status == 400


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (one(properties={"a": "x" * 33_000}), 413),
        (one(properties={"a": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}), 400),
        (one(properties={str(number): 1 for number in range(1001)}), 400),
        (one(properties={"a": "\x00"}), 400),
        ({**one(), "context": {"a": "\ud800"}}, 400),
        ([one() for _ in range(2501)], 413),
        ([], 400),
    ],
)
def test_bounds_are_kept(collector, event, status) -> None:
    """Events that are too large, too deep, too many or unreadable are refused."""
    assert collector.ask("/v1/touchpoints", event).status == status
    assert collector.messages == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":1e999}',
        b'{"a":123456789012345678901}', b"9" * 5_000, b'"\\ud800"', b"\x00", b"null", b"1", b"[null]",
    ],
)  # fmt: skip
def test_bad_json_is_a_clear_4xx(collector, body) -> None:
    """A body that is not JSON, or that readers understand differently, is answered 400."""
    assert collector.ask("/v1/touchpoints", body).status == 400


def test_without_a_confirmation_there_is_no_2xx(collector) -> None:
    """Without Kafka's confirmation the answer is 503 with Retry-After."""
    collector.publisher.fail_next = 1
    first, second = collector.ask_all([("/v1/touchpoints", one(), {})] * 2)
    assert [first.status, second.status] == [503, 503]
    assert first.headers["retry-after"] == "2"
    assert collector.messages == []


def test_a_source_above_its_rate_learns_when_to_send_again(tmp_path) -> None:
    """A source above its rate gets 429 with the standard headers; other sources are not affected."""
    collector = Collector(tmp_path, {"COLLECTOR_KEY_EVENTS_PER_S": "1"})
    other = collector.add("other")
    many = [one() for _ in range(2_000)]
    answers = collector.ask_all(
        [("/v1/touchpoints", many, {}), ("/v1/touchpoints", many, {}), ("/v1/touchpoints", many, {"key": other})]
    )
    assert [answer.status for answer in answers] == [200, 429, 200]
    assert int(answers[1].headers["retry-after"]) >= 1
    assert answers[1].headers["ratelimit"].startswith('"key";r=500')


def test_probes_have_a_rate_of_their_own(tmp_path) -> None:
    """`/health` is limited by address; neither touchpoints nor other addresses use up its allowance, nor it theirs."""
    collector = Collector(tmp_path, {"COLLECTOR_ADDRESS_REQUESTS_PER_S": "1"})
    near, far, other = ({"method": "GET", "client": host} for host in ("127.0.0.1", "192.0.2.1", "192.0.2.2"))
    asked = [("/health/live", None, far)] * 600 + [("/v1/touchpoints", one(), {"client": "192.0.2.1"})]
    asked += [("/health/ready", None, other)] + [("/health/live", None, near)] * 600
    answers = [answer.status for answer in collector.ask_all(asked)]
    assert answers[:200] == [200] * 200 and 429 in answers[200:600]
    assert answers[600:602] == [200, 200]
    assert answers[602:] == [200] * 600, "this machine's own probes are always answered"


def test_named_origins_may_send_from_browsers(tmp_path) -> None:
    """Only named origins get CORS headers; others are refused in the preflight and in the request."""
    collector = Collector(tmp_path, {"COLLECTOR_ORIGINS": "https://shop.example.com"})
    ours, others = {"origin": "https://shop.example.com"}, {"origin": "https://evil.example"}
    asked = collector.ask("/v1/t", method="OPTIONS", headers=ours)
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "https://shop.example.com")
    own = {"access-control-request-headers": "anonymousid,authorization,content-type,rsa-since-last-attempt"}
    asked = collector.ask("/v1/t", method="OPTIONS", headers=ours | own)
    assert asked.headers["access-control-allow-headers"] == own["access-control-request-headers"]
    assert collector.ask("/v1/t", method="OPTIONS", headers=others).status == 403
    assert collector.ask("/v1/touchpoints", one(), headers=others).status == 403
    assert collector.ask("/v1/touchpoints", one(), headers=ours).status == 200


def test_answers_have_safe_headers(collector) -> None:
    """Answers forbid sniffing, frames and caching, and repeat a given request id."""
    answer = collector.ask("/v1/touchpoints", one(), headers={"x-request-id": "request-17"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == "request-17"


def test_it_serves_its_table_of_metrics(collector) -> None:
    """The served metrics and their types are those of the table."""
    collector.ask("/v1/touchpoints", one())
    served = {family.name: family.type for family in collector.wired.metrics.registry.collect()}
    assert served == {series.name.removesuffix("_total"): series.kind for series in SERIES}


def test_the_log_has_no_ids(collector, capsys) -> None:
    """The log has one line per request, without key, customer, type or properties."""
    collector.ask("/v1/touchpoints", one(properties={"secret": "s3cr3t"}))
    said = capsys.readouterr()
    line = said.out + said.err
    assert "/v1/touchpoints" in line and "shop" in line
    assert not any(word in line for word in ("c-1", "s3cr3t", "Page Viewed", collector.key))


def test_a_hash_key_is_asked_for(tmp_path) -> None:
    """Without a hash key, or with a short one, the collector does not start."""
    from streams.collector.app import wire

    with pytest.raises(ConfigurationError, match="TRACKER_HASH_KEY is shorter than 16"):
        read({"TRACKER_HASH_KEY": "short"})
    with pytest.raises(ConfigurationError, match="TRACKER_HASH_KEY is missing"):
        wire(read({"KAFKA_BOOTSTRAP": "127.0.0.1:9"}), lambda: None)
