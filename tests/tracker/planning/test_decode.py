"""Decoding: every byte string becomes a touch or a flaw with a reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.poison import NO_TOUCHPOINT, NOT_JSON, WELCOME
from tracker.planning.decode import FUTURE_MS, MINUTE_MS, Flaw, correct, decode
from tracker.touch import Touch

RECEIVED_MS = 1_795_341_600_000
ABSENT = object()


def message(**fields: Any) -> bytes:
    """A good touchpoint with some fields replaced, or taken out by ABSENT."""
    good = {
        "event_id": "e1",
        "type": "Page Viewed",
        "channel": "web",
        "occurred_at": "2026-11-22T10:00:00+01:00",
        "ids": {"customer_id": "c1"},
    }
    return json.dumps({name: value for name, value in (good | fields).items() if value is not ABSENT}).encode()


def test_a_good_touchpoint_becomes_a_touch() -> None:
    """The touch has the customer, the time in milliseconds and what the rules read."""
    touch = decode(message(properties={"price": 3}, context=None), RECEIVED_MS)
    assert touch == Touch(
        "c1",
        1_795_338_000_000,
        "Page Viewed",
        "web",
        "e1",
        {"price": 3},
        {},
        device_at_ms=1_795_338_000_000,
        received_ms=RECEIVED_MS,
    )


def test_a_touch_knows_when_it_was_received() -> None:
    """By the collector, else by the broker."""
    at_ms = RECEIVED_MS + 1_000
    given = [(at_ms, RECEIVED_MS), (ABSENT, RECEIVED_MS), (ABSENT, None)]
    assert [decode(message(received_at=one), broker).received_ms for one, broker in given] == [at_ms, RECEIVED_MS, 0]


def test_a_touch_knows_whether_a_browser_sent_it() -> None:
    """Only where the touchpoint says so; else a server sent it."""
    trusts = ["browser", None, ABSENT]
    assert [decode(message(trust=one), RECEIVED_MS).is_browser for one in trusts] == [True, False, False]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"event_id": ', "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"[1]", "not_a_touchpoint"),
        (b"{}", "not_a_touchpoint"),
        (message(event_id=""), "not_a_touchpoint"),
        (message(event_id="x" * 129), "not_a_touchpoint"),
        (message(type=5), "not_a_touchpoint"),
        (message(properties=[1]), "not_a_touchpoint"),
        (message(schema="touchpoint/2", ids=7), "unknown_schema"),
        (message(schema="touchpoint/2"), "unknown_schema"),
        (message(trust="server"), "not_a_touchpoint"),
        (message(trust=True), "not_a_touchpoint"),
        (message(ids=ABSENT), "no_id"),
        (message(ids={}), "no_id"),
        (message(ids={"customer_id": None, "anonymous_id": " undefined "}), "no_id"),
        (message(ids={"customer_id": 0}), "no_id"),
        (message(ids={"customer_id": "é" * 200}), "id_too_long"),
        (message(ids={"customer_id": "c1", "account_id": "a" * 257}), "id_too_long"),
        (message(occurred_at=ABSENT), "no_time"),
        (message(occurred_at="yesterday"), "impossible_time"),
        (message(occurred_at="2026-11-22T10:00:00"), "impossible_time"),
        (message(occurred_at=1_795_338_000), "impossible_time"),
        (message(occurred_at=1_795_338_000_000_000), "impossible_time"),
        (message(properties={"x": "y" * 300_000}), "too_large"),
    ],
)
def test_what_cannot_be_read_has_its_reason(value: bytes | None, reason: str) -> None:
    """Each kind of bad input has its own reason, and none raises."""
    flaw = decode(value, RECEIVED_MS)
    assert isinstance(flaw, Flaw)
    assert flaw.reason == reason
    assert flaw.detail


@pytest.mark.parametrize("value", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_says_so(value: bytes) -> None:
    """Bytes that are no JSON are told as that, whatever the decoder found wrong with them first."""
    flaw = decode(value, RECEIVED_MS)
    assert isinstance(flaw, Flaw)
    assert flaw.reason == "not_json"
    assert 0 < len(flaw.detail) < 1_000


@pytest.mark.parametrize("value", NO_TOUCHPOINT.values(), ids=NO_TOUCHPOINT)
def test_what_is_no_touchpoint_says_so(value: bytes) -> None:
    """Numbers and times that no calendar and no computer holds are flaws, and what is said of them is short."""
    flaw = decode(value, RECEIVED_MS)
    assert isinstance(flaw, Flaw)
    assert flaw.reason != "not_json"
    assert 0 < len(flaw.detail) < 1_000


@pytest.mark.parametrize("value", WELCOME.values(), ids=WELCOME)
def test_what_is_odd_is_welcome(value: bytes) -> None:
    """What is odd and means something is a touchpoint."""
    assert isinstance(decode(value, RECEIVED_MS), Touch)


def test_deep_nesting_is_a_flaw() -> None:
    """A hundred thousand brackets do not exhaust the stack."""
    value = message()[:-1] + b', "properties": ' + b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"}"
    assert isinstance(decode(value, RECEIVED_MS), Flaw)


def test_unknown_fields_and_minor_versions_are_welcome() -> None:
    """A producer that is ahead of us is still understood."""
    assert isinstance(decode(message(schema="touchpoint/1.7", novelty={"x": 1}), RECEIVED_MS), Touch)


def test_a_wrong_clock_is_corrected() -> None:
    """A device one day ahead gets the time that its touchpoint had in truth, and its own time is kept beside it."""
    day_ms = 86_400_000
    ahead_ms = RECEIVED_MS - 60_000 + day_ms
    touch = decode(message(occurred_at=ahead_ms, sent_at=RECEIVED_MS + day_ms - 700), RECEIVED_MS)
    assert isinstance(touch, Touch)
    assert (touch.at_ms, touch.device_at_ms) == (RECEIVED_MS - 60_000, ahead_ms)


@given(st.integers(0, MINUTE_MS // 2 - 1), st.integers(0, MINUTE_MS // 2 - 1))
def test_a_delay_below_half_a_minute_reorders_nothing(first: int, second: int) -> None:
    """Two touchpoints of one right clock keep its order whatever the network did."""
    assert correct(1_000, 5_000, 5_000 + first) < correct(1_001, 9_000, 9_000 + second)


def test_the_future_is_clamped() -> None:
    """More than five minutes ahead of its reception counts as now; five minutes do not."""
    late = decode(message(occurred_at=RECEIVED_MS + FUTURE_MS + 1), RECEIVED_MS)
    near = decode(message(occurred_at=RECEIVED_MS + FUTURE_MS), RECEIVED_MS)
    assert isinstance(late, Touch)
    assert isinstance(near, Touch)
    assert (late.at_ms, near.at_ms) == (RECEIVED_MS, RECEIVED_MS + FUTURE_MS)


def test_an_account_comes_beside_a_person() -> None:
    """It is named and links nobody; alone it stands for itself."""
    beside = decode(message(ids={"customer_id": "c1", "account_id": " acme "}), RECEIVED_MS)
    alone = decode(message(ids={"account_id": "acme", "anonymous_id": None}), RECEIVED_MS)
    assert isinstance(beside, Touch)
    assert isinstance(alone, Touch)
    assert (beside.customer, beside.account, beside.links) == ("c1", "account_id:acme", ())
    assert (alone.customer, alone.account) == ("account_id:acme", "account_id:acme")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(value: bytes) -> None:
    """Whatever arrives is a touch or a flaw."""
    assert isinstance(decode(value, RECEIVED_MS), Touch | Flaw)


@pytest.mark.parametrize(
    "moments",
    [
        {"received_at": 2**63 - 1, "sent_at": 0},
        {"received_at": -(2**63), "sent_at": 2**63 - 1},
        {"sent_at": "9999-12-31T23:59:59Z"},
        {"sent_at": 253_402_300_799_999_000},
    ],
)
def test_no_clock_of_a_producer_leads_out_of_the_calendar(moments) -> None:
    """Whatever `sent_at` and `received_at` say, a touch lies between 1980 and 9999 or is a flaw."""
    found = decode(message(**moments), RECEIVED_MS)
    assert isinstance(found, Flaw)
    assert found.reason == "impossible_time"


@pytest.mark.parametrize("timestamp", [-1, 0, 1_790_000_000, 2**62])
def test_an_impossible_broker_timestamp_says_nothing(timestamp: int) -> None:
    """A producer may stamp its records with anything; the touchpoint keeps its own time."""
    touch = decode(message(occurred_at=RECEIVED_MS), timestamp)
    assert isinstance(touch, Touch)
    assert touch.at_ms == RECEIVED_MS


@pytest.mark.parametrize(
    ("occurred_at", "sent_at"),
    [
        ("1970-01-01T00:04:00Z", "1970-01-01T00:05:00Z"),
        ("1969-12-31T23:59:30Z", "1970-01-01T00:00:30Z"),
        (240_000, 300_000),
        ("1979-06-01T00:00:00Z", "1979-06-01T00:01:00Z"),
    ],
)
def test_a_clock_of_1970_is_corrected(occurred_at, sent_at) -> None:
    """A device whose clock began in 1970 is corrected as every wrong clock is."""
    touch = decode(message(occurred_at=occurred_at, sent_at=sent_at), RECEIVED_MS)
    assert isinstance(touch, Touch)
    assert abs(touch.at_ms - (RECEIVED_MS - 60_000)) <= 30_000


@pytest.mark.parametrize(
    ("occurred_at", "sent_at"),
    [
        ("1970-01-01T00:04:00Z", "2026-11-22T10:00:00Z"),
        (1_795_338_000, 1_795_338_060),
        (1_795_338_000_000_000, 1_795_338_060_000_000),
        ("1970-01-01T00:04:00Z", None),
    ],
)
def test_what_no_clock_explains_is_impossible(occurred_at, sent_at) -> None:
    """Seconds and microseconds stay impossible, and so does an early moment that a right clock has sent."""
    found = decode(message(occurred_at=occurred_at, sent_at=sent_at), RECEIVED_MS)
    assert isinstance(found, Flaw)
    assert found.reason == "impossible_time"


def test_a_type_has_one_form() -> None:
    """A type in either spelling of its letters is the same type."""
    assert decode(message(type="Cafe\u0301"), RECEIVED_MS).type == "Caf\u00e9"
