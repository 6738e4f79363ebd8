"""Mixpanel's events and profiles."""

import base64
import json
from urllib.parse import quote, urlencode

import pytest

from tests.streams.collector.asking import Collector, basic
from tests.streams.collector.sdks.replaying import told

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def event(key: str, **properties) -> dict:
    return {"event": "seen", "properties": {"token": key, "distinct_id": "u-1", **properties}}


@pytest.mark.parametrize(
    ("time", "at_ms"),
    [(1_790_000_000, 1_790_000_000_000), (1_790_000_000.25, 1_790_000_000_250), (1_790_000_000_250, 1_790_000_000_250)],
)
def test_times_have_three_units(collector, time, at_ms) -> None:
    """Seconds, seconds with a fraction, and milliseconds are told apart."""
    assert collector.ask("/track?verbose=1", event(collector.key, time=time), key=None).said["status"] == 1
    assert collector.kept[0]["occurred_at"] == at_ms


def packings(document: dict) -> list[tuple[str, bytes, dict]]:
    """The ways in which the libraries send the same: a form, base64 in a form or a query, plain."""
    text = json.dumps(document)
    packed = base64.b64encode(text.encode()).decode()
    return [
        ("/track", urlencode({"data": text}).encode(), {"headers": FORM}),
        ("/track/", urlencode({"data": packed}).encode(), {"headers": FORM}),
        ("/track", f"data={packed}".encode(), {"headers": FORM}),
        (f"/track?data={quote(packed)}", b"", {"method": "GET"}),
        (f"/track?data={packed}", b"", {"method": "GET"}),
        ("/track", text.encode(), {}),
        ("/track", packed.encode(), {"headers": {"content-type": "text/plain"}}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_every_packing_is_read(collector, number) -> None:
    """An event has the same id in a form, in base64 in a form or a query, and as a plain body."""
    document = event(collector.key, **{"$insert_id": "one", "words": "ä+/ ??>>~~"})
    path, body, options = packings(document)[number]
    answer = collector.ask(path, body, key=None, **options)
    assert (answer.status, answer.body) == (200, b"1")
    assert [(each["event_id"], each["properties"]["words"]) for each in collector.kept] == [("one", "ä+/ ??>>~~")]


def test_events_without_an_id_are_kept_apart(collector) -> None:
    """Without an id two equal events of one request are two; sent again with their time they are the same two."""
    two = [event(collector.key, time=1_790_000_000)] * 2
    for _ in range(2):
        assert collector.ask("/track", two, key=None).status == 200
    ids = [each["event_id"] for each in collector.kept]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_an_order_without_id_and_time_counts_once(collector) -> None:
    """An order is known by its number where its event has no id and no time."""
    order = {"event": "Order Completed", "properties": {"token": collector.key, "distinct_id": "u", "order_id": "17"}}
    for _ in range(2):
        assert collector.ask("/track", order, key=None).status == 200
    assert len({each["event_id"] for each in collector.kept}) == 1


@pytest.mark.parametrize(
    ("name", "properties", "who"),
    [
        ("$identify", {"$anon_distinct_id": "$device:d-1"}, "Identified customer=u-1 anonymous=d-1"),
        ("$identify", {"$identified_id": "u-2", "$anon_id": "d-1"}, "Identified customer=u-2 anonymous=d-1"),
        ("$create_alias", {"distinct_id": "visitor", "alias": "u-1"}, "Aliased customer=u-1 anonymous=visitor"),
        ("$create_alias", {"alias": "x", "$user_id": "u-1"}, "Aliased customer=u-1 anonymous=x"),
        ("$merge", {"$distinct_ids": ["$device:d-1", "u-1"]}, "Aliased customer=u-1 anonymous=d-1"),
        ("$merge", {"$distinct_ids": ["u-1", "u-2"]}, "Aliased customer=u-1 anonymous=u-2"),
        ("seen", {"distinct_id": "$device:d-1"}, "seen anonymous=d-1"),
        ("seen", {"distinct_id": "d-1", "$device_id": "d-1"}, "seen anonymous=d-1"),
        ("seen", {"$user_id": "u-1", "$device_id": "d-1"}, "seen customer=u-1 anonymous=d-1"),
    ],
)
def test_whose_event_it_is(collector, name, properties, who) -> None:
    """A device is an anonymous_id, an identified person has a customer_id."""
    said = event(collector.key, **properties) | {"event": name}
    assert collector.ask("/track", said, key=None).status == 200
    assert told(collector) == [who]


def test_a_charge_is_not_an_order(collector) -> None:
    """What `track_charge` appends to a profile is the money of an order: it is answered, and nothing is kept."""
    charge = {"$token": collector.key, "$distinct_id": "u-1", "$append": {"$transactions": {"$amount": 99.5}}}
    assert collector.ask("/engage?verbose=1", charge, key=None).said["status"] == 1
    assert collector.messages == []


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_import_takes_lists_and_lines(collector, kind) -> None:
    """`/import` takes JSON and lines of JSON with the key as user name, and counts what it has taken."""
    events = [event("", **{"$insert_id": str(number), "time": 1_790_000_000}) for number in range(3)]
    body = json.dumps(events) if kind == "application/json" else "\n".join(map(json.dumps, events))
    headers = {"content-type": kind, "authorization": basic(collector.key)}
    answer = collector.ask("/import?strict=1&project_id=1", body.encode(), headers=headers)
    assert answer.said == {"code": 200, "status": "OK", "num_records_imported": 3}
    assert [each["event_id"] for each in collector.kept] == ["0", "1", "2"]


def test_import_with_a_secret_and_a_token(collector) -> None:
    """A library that signs in with an API secret is known by the token of its events."""
    headers = {**FORM, "authorization": basic("a secret of theirs")}
    body = urlencode({"data": json.dumps(event(collector.key)), "verbose": 1}).encode()
    assert collector.ask("/import", body, headers=headers).said["status"] == 1


@pytest.mark.parametrize(("path", "said"), [("/track?verbose=1", {"status": 0}), ("/track", None)])
def test_who_sends_nobodys_event_is_told(collector, path, said) -> None:
    """An event without an id is kept aside, and the library tells its caller."""
    answer = collector.ask(path, {"event": "seen", "properties": {"token": collector.key}}, key=None)
    assert answer.status == 200
    assert answer.body == b"0" if said is None else said.items() <= answer.said.items()
    assert [each.reason for each in collector.rejections] == ["no_id"]


def test_a_refusal_has_a_status_too(collector) -> None:
    """The library for Python reads `status` and `error` from any answer."""
    answer = collector.ask("/track?verbose=1", event("wk_unknown"), key=None)
    assert (answer.status, answer.said["status"], "write key" in answer.said["error"]) == (401, 0, True)
