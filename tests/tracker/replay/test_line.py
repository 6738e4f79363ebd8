"""Lines of events, in both forms."""

import json

import pytest

from tracker.planning.decode import Flaw
from tracker.replay.line import is_nameless, reader

AT_MS = 1_795_341_600_000
SHORT = {"customer": "c1", "event": "signed up", "timestamp": AT_MS}
WIRE = {
    "event_id": "e1",
    "type": "signed up",
    "channel": "shop",
    "occurred_at": "2026-11-22T10:00:00Z",
    "ids": {"customer_id": "c1"},
}


def read(document):
    return reader()(document if isinstance(document, bytes) else json.dumps(document).encode())


@pytest.mark.parametrize(
    "timestamp",
    ["2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00.000000Z", "2026-11-22 10:00:00",
     AT_MS, float(AT_MS)],
)  # fmt: skip
def test_forms_of_time(timestamp):
    """Times come with an offset, without one (then they are UTC), or as milliseconds."""
    assert read(SHORT | {"timestamp": timestamp}).at_ms == AT_MS


def test_short_form():
    """The short form needs a customer, an event and a time; the rest has defaults."""
    touch = read(SHORT)
    assert (touch.customer, touch.type, touch.channel, touch.properties) == ("c1", "signed up", "web", {})
    full = read(SHORT | {"channel": "shop", "event_id": 7, "properties": {"n": 1}, "context": {"x": 2}, "more": None})
    assert (full.channel, full.event_id, full.properties, full.context) == ("shop", "7", {"n": 1}, {"x": 2})


def test_short_form_with_several_ids():
    """`ids` in place of `customer`: the strongest is the name, the others come along."""
    line = {name: value for name, value in SHORT.items() if name != "customer"}
    touch = read(line | {"ids": {"email_sha256": "e", "anonymous_id": 17, "phone_sha256": None}})
    assert (touch.customer, touch.links) == ("anonymous_id:17", ("email_sha256:e",))
    assert read(line | {"ids": {"customer_id": "c1"}}).customer == "c1"
    assert read(line | {"ids": {"customer_id": "null"}}).reason == "no_id"
    assert read(line | {"ids": {"customer_id": "x" * 300}}).reason == "id_too_long"


def test_lines_without_an_id_are_nameless():
    """A line without an id gets one from what it says, so that the order of lines changes nothing."""
    one, other = read(SHORT), read(SHORT | {"timestamp": AT_MS + 1})
    assert is_nameless(one.event_id)
    assert one.event_id == read(SHORT).event_id != other.event_id


def test_forms_may_be_mixed():
    """One file may hold both forms."""
    line = reader()
    assert [line(json.dumps(one).encode()).at_ms for one in (SHORT, WIRE, WIRE, SHORT)] == [AT_MS] * 4


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 100_000, "not_json"),
        ([1], "not_a_touchpoint"),
        ({}, "not_a_touchpoint"),
        (SHORT | {"customer": None}, "no_id"),
        (SHORT | {"customer": "null"}, "no_id"),
        (SHORT | {"customer": "x" * 300}, "id_too_long"),
        (SHORT | {"ids": {"anonymous_id": "a1"}}, "not_a_touchpoint"),
        ({"event": "x", "timestamp": AT_MS}, "no_id"),
        (SHORT | {"timestamp": None}, "no_time"),
        (SHORT | {"timestamp": "soon"}, "impossible_time"),
        (SHORT | {"timestamp": 1_795_341_600}, "impossible_time"),
        (SHORT | {"timestamp": 10**30}, "impossible_time"),
        (SHORT | {"event": ""}, "not_a_touchpoint"),
        (SHORT | {"event": 5}, "not_a_touchpoint"),
        (SHORT | {"properties": []}, "not_a_touchpoint"),
        ({**WIRE, "ids": {}}, "no_id"),
        ({**WIRE, "schema": "touchpoint/9"}, "unknown_schema"),
        ({name: value for name, value in WIRE.items() if name != "occurred_at"}, "no_time"),
    ],
)
def test_what_is_no_touchpoint(document, reason):
    """What cannot be read says why, with a reason of the closed set."""
    flaw = read(document)
    assert isinstance(flaw, Flaw)
    assert (flaw.reason, bool(flaw.detail)) == (reason, True)
