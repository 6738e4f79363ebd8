"""Requests of the genuine SDKs for Python, Node and browsers, as they were on the wire."""

import json

import pytest

from tests.streams.collector.asking import Collector
from tests.streams.collector.living import require_readable
from tests.streams.collector.sdks.replaying import KEYS, RECORDED, replay, told

JS = "01a22518-abb7-7913-a08f-7702f1d13213"
MX = "48f03b59-6ed5-4719-8c1c-7d407da09c58"
AM = "04f435e3-c6cf-436f-8ba4-5c24ed57a1c2"
SP = "cc32a284-d181-42a4-9370-1e2295f978c5"
KNOWN = "customer=u-1 anonymous=duid-1"
STORIES = {
    "posthog-python": [
        "Page Viewed customer=visitor-1",
        "order completed customer=u-1 email",
        "Identified customer=u-1 email",
        "Identified customer=u-1",
        "Aliased customer=u-1 anonymous=visitor-1",
        "Grouped account=acme",
        "viewed customer=u-1 account=acme",
        "Experiment Viewed customer=u-1",
        "zipped customer=u-1",
    ],
    "posthog-node": [
        "Page Viewed customer=visitor-1",
        "Identified customer=u-1 anonymous=visitor-1 email",
        "Aliased customer=u-1 anonymous=visitor-1",
        "Grouped account=acme",
        "Order Completed customer=u-1 account=acme",
    ],
    "posthog-js": [
        f"Page Viewed anonymous={JS}",
        f"Identified customer=u-1 anonymous={JS} account=acme email",
        f"Grouped anonymous={JS} account=acme",
        f"Product Viewed anonymous={JS} account=acme",
        f"Order Completed customer=u-1 anonymous={JS} account=acme",
        "Aliased customer=u-1 anonymous=u-1b account=acme",
        f"last customer=u-1 anonymous={JS} account=acme",
    ],
    "mixpanel-python": [
        "Order Completed customer=u-1",
        "Identified customer=u-1 email",
        "Grouped account=acme",
        "Old customer=u-1",
        "A customer=u-1",
        "B customer=u-1",
    ],
    "mixpanel-node": [
        "Order Completed customer=u-1",
        "A customer=u-1",
        "B customer=u-1",
        "Aliased customer=u-1 anonymous=visitor-1",
        "Identified customer=u-1 email",
        "Grouped account=acme",
    ],
    "mixpanel-browser": [
        f"Page Viewed anonymous={MX}",
        f"Identified customer=u-1 anonymous={MX} email",
        f"Identified customer=u-1 anonymous={MX}",
        f"Product Viewed anonymous={MX}",
        f"Identified customer=u-1 anonymous={MX}",
        "Aliased customer=u-1 anonymous=u-1b",
        f"Identified customer=u-1b anonymous={MX}",
        f"Order Completed customer=u-1 anonymous={MX}",
    ],
    "amplitude-python": [
        "Order Completed customer=u-1 anonymous=dev-1",
        "Identified customer=u-1 anonymous=dev-1 email",
        "Grouped customer=u-1 account=acme",
        "Grouped customer=u-1 account=acme",
        "revenue_amount customer=u-1",
        "B customer=u-1",
    ],
    "amplitude-node": [
        "Order Completed customer=u-1 anonymous=dev-1",
        "Identified customer=u-1 email",
        "Grouped customer=u-1 account=acme",
        "Grouped customer=u-1 account=acme",
        "revenue_amount customer=u-1",
    ],
    "amplitude-browser": [
        f"$identify anonymous={AM}",
        f"session_start anonymous={AM}",
        f"Page Viewed anonymous={AM}",
        f"Identified customer=u-1 anonymous={AM} email",
        f"Order Completed customer=u-1 anonymous={AM}",
        f"revenue_amount customer=u-1 anonymous={AM}",
    ],
    "snowplow-python": [
        *(f"{name} {KNOWN}"
          for name in ("Page Viewed", "add-to-basket", "Order Completed", "page_ping", "Screen Viewed") * 2),
    ],
    "snowplow-node": [*(f"{name} {KNOWN}" for name in ("Page Viewed", "add-to-basket", "Order Completed") * 2)],
    "snowplow-browser": [f"Page Viewed anonymous={SP}", f"Order Completed customer=u-1 anonymous={SP}"],
}  # fmt: skip


@pytest.fixture
def collector(tmp_path) -> Collector:
    made = Collector(tmp_path)
    for key in KEYS.values():
        made.adopt(key)
    return made


def test_every_recording_is_told() -> None:
    """Each recording has a story below, and each story a recording."""
    assert {path.stem for path in RECORDED.glob("*.jsonl")} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_who_did_what(collector, name) -> None:
    """Each event of the library becomes one touchpoint, of the person and the account that it is about."""
    answers = replay(collector, name)
    assert {answer.status for answer in answers} == {200}
    assert told(collector) == STORIES[name]
    assert "example.com" not in json.dumps(collector.kept)
    assert not any(key in json.dumps(collector.kept) for key in KEYS.values())
    require_readable(collector)


@pytest.mark.parametrize("name", [name for name in STORIES if name != "posthog-python"])
def test_an_order_is_told_once(collector, name) -> None:
    """However often a library names the same money, one touchpoint has the order with its amount."""
    replay(collector, name, "/com." if name.startswith("snowplow") else "")
    orders = [event for event in collector.kept if event["type"] == "Order Completed"]
    assert [(event["channel"], event["properties"]["order_id"]) for event in orders] == [("shop", "17")]
    amounts = [event.get("properties", {}).get("amount") for event in collector.kept]
    assert [amount for amount in amounts if amount is not None] in ([99.5], [])


@pytest.mark.parametrize("name", [name for name in STORIES if name not in {"mixpanel-node", "mixpanel-browser"}])
def test_what_is_sent_again_has_the_same_ids(collector, name) -> None:
    """Requests that are sent twice bring each event under one id."""
    replay(collector, name)
    replay(collector, name)
    ids = [event["event_id"] for event in collector.kept]
    half = len(ids) // 2
    assert ids[:half] == ids[half:]
    assert len(set(ids)) == half


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("posthog-js", {"status": "Ok"}),
        ("mixpanel-python", {"status": 1, "error": None}),
        ("mixpanel-node", 1),
        ("amplitude-node", {"code": 200, "events_ingested": 5}),
    ],
)
def test_answers_are_those_of_the_vendor(collector, name, said) -> None:
    """The last answer has what the library looks for."""
    answered = replay(collector, name)[-1].said
    assert said == answered or said.items() <= answered.items()


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("posthog-python", {"Identified", "Grouped", "Experiment Viewed"}),
        ("posthog-node", {"Grouped"}),
        ("posthog-js", set()),
        ("mixpanel-python", {"Identified", "Grouped"}),
        ("mixpanel-node", {"Identified", "Grouped"}),
        ("mixpanel-browser", set()),
        ("amplitude-python", {"Identified", "Grouped"}),
        ("amplitude-node", {"Identified", "Grouped"}),
        ("amplitude-browser", set()),
    ],
)
def test_what_a_program_did_is_marked(collector, name, marked) -> None:
    """Profiles and groups that a server's library sets are the business' doing, and what people do is not."""
    replay(collector, name)
    by = [event["type"] for event in collector.kept if event.get("context", {}).get("by") == "business"]
    assert set(by) == marked


def test_a_personless_event_is_put_aside(collector) -> None:
    """An event of nobody, which the library gives an invented id, makes nobody a customer and is kept aside."""
    answers = replay(collector, "posthog-python", "/batch/")
    assert [each["reason"] for each in answers[0].said["rejected"]] == ["no_id"]
    assert [rejection.reason for rejection in collector.rejections] == ["no_id"]


@pytest.mark.parametrize("name", STORIES)
def test_an_unknown_key_keeps_nothing(tmp_path, name) -> None:
    """Without a known key every request with events is refused."""
    collector = Collector(tmp_path)
    answers = replay(collector, name)
    assert {answer.status for answer in answers if b"featureFlags" not in answer.body} == {401}
    assert collector.messages == []
