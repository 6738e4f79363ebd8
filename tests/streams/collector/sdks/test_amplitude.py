"""Amplitude's events, and the answers that its SDKs read."""

import pytest

from tests.streams.collector.asking import Collector
from tests.streams.collector.sdks.replaying import told

EVENT = {"event_type": "seen", "user_id": "u-1", "device_id": "d-1", "insert_id": "one", "time": 1_790_000_000_000}


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


@pytest.mark.parametrize("path", ["/2/httpapi", "/batch", "/batch/"])
def test_events_or_batch_tells_whose_sdk_it_is(collector, path) -> None:
    """`/batch` is a path of PostHog's SDKs too, so `events` or `batch` decides how a body is read."""
    answer = collector.ask(path, {"api_key": collector.key, "events": [EVENT]}, key=None)
    assert (answer.status, answer.said["code"], answer.said["events_ingested"]) == (200, 200, 1)
    theirs = {"api_key": collector.key, "batch": [{"event": "theirs", "distinct_id": "u-1"}]}
    assert collector.ask(path, theirs, key=None).said == {"status": "Ok"}
    assert told(collector) == ["seen customer=u-1 anonymous=d-1", "theirs customer=u-1"]


@pytest.mark.parametrize(
    ("body", "code"),
    [({"api_key": "wk_unknown", "events": [EVENT]}, 401), (b"{", 400), ({"events": 3}, 401)],
)
def test_a_refusal_has_a_code(collector, body, code) -> None:
    """The SDKs send again what is answered without `code`, so that every refusal has one."""
    answer = collector.ask("/2/httpapi", body, key=None)
    assert (answer.status, answer.said["code"]) == (code, code)


def test_all_put_aside_is_answered_200(collector) -> None:
    """An event of nobody is kept aside, and a library that is told so does not send it for ever."""
    answer = collector.ask("/2/httpapi", {"api_key": collector.key, "events": [{"event_type": "seen"}]}, key=None)
    assert (answer.status, answer.said["code"], answer.said["events_ingested"]) == (200, 200, 0)
    assert [each["reason"] for each in answer.said["rejected"]] == ["no_id"]
    assert [each.reason for each in collector.rejections] == ["no_id"]


def test_revenue_is_not_a_second_order(collector) -> None:
    """`revenue_amount` keeps its name and has no amount, since an event of its own tells of the order."""
    revenue = {"event_type": "revenue_amount", "event_properties": {"$price": 99.5, "$quantity": 1, "$revenue": 99.5}}
    order = {"event_type": "Order Completed", "revenue": 99.5, "event_properties": {"order_id": "17"}}
    events = [{**EVENT, **each, "insert_id": each["event_type"]} for each in (revenue, order)]
    assert collector.ask("/2/httpapi", {"api_key": collector.key, "events": events}, key=None).status == 200
    assert [each["properties"].get("amount") for each in collector.kept] == [None, 99.5]
    assert [each["channel"] for each in collector.kept] == ["web", "shop"]


@pytest.mark.parametrize(
    ("library", "corrects"), [("amplitude-ts/2.48.1", True), ("amplitude-node-ts/1.5.73", False), (None, True)]
)
def test_devices_alone_have_their_clock_corrected(collector, library, corrects) -> None:
    """A server's library sends its first time of sending again with a retry, which says nothing of a clock."""
    body = {"api_key": collector.key, "client_upload_time": "2026-11-22T10:00:00Z"}
    body["events"] = [{**EVENT, "library": library}]
    assert collector.ask("/2/httpapi", body, key=None).status == 200
    assert ("sent_at" in collector.kept[0]) == corrects


def test_an_identify_of_nobody_keeps_its_name(collector) -> None:
    """Browsers send one with each visit: it identifies nobody until there is a user."""
    said = {"event_type": "$identify", "device_id": "d-1", "user_properties": {"$setOnce": {"initial_referrer": "x"}}}
    known = {**EVENT, "event_type": "$identify", "user_properties": {"$set": {"email": "ann@example.com"}}}
    assert collector.ask("/2/httpapi", {"api_key": collector.key, "events": [said, known]}, key=None).status == 200
    assert told(collector) == ["$identify anonymous=d-1", "Identified customer=u-1 anonymous=d-1 email"]
