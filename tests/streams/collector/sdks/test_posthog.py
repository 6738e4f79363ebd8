"""PostHog's events: who is meant by a `distinct_id`."""

import gzip
import json

import pytest

from tests.streams.collector.asking import Collector
from tests.streams.collector.sdks.replaying import told

VISITOR = "01a22518-abb7-7913-a08f-7702f1d13213"


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def send(collector: Collector, *events: dict, path: str = "/batch/", **options) -> int:
    body = {"api_key": collector.key, "batch": list(events)}
    return collector.ask(path, body, key=None, **options).status


def event(name: str, distinct_id: str, **properties) -> dict:
    return {"event": name, "distinct_id": distinct_id, "properties": properties, "uuid": f"{name}-{distinct_id}"}


@pytest.mark.parametrize(
    ("library", "distinct", "alias"),
    [
        ("posthog-python", "visitor", "user"),
        ("web", "visitor", "user"),
        ("posthog-node", "user", "visitor"),
        ("posthog-ruby", "user", "visitor"),
        (None, "user", "visitor"),
        ("posthog-node", VISITOR, "user"),
    ],
)
def test_an_alias_has_its_user_where_the_library_puts_it(collector, library, distinct, alias) -> None:
    """The user is in `alias` for some libraries, in `distinct_id` for others; an id made for a visitor is no user."""
    assert send(collector, event("$create_alias", distinct, alias=alias, **{"$lib": library})) == 200
    visitor = VISITOR if VISITOR in {distinct, alias} else "visitor"
    assert told(collector) == [f"Aliased customer=user anonymous={visitor}"]


@pytest.mark.parametrize(
    ("properties", "distinct", "who"),
    [
        ({"$lib": "posthog-python"}, "u-1", "customer=u-1"),
        ({"$lib": "posthog-python"}, VISITOR, f"anonymous={VISITOR}"),
        ({"$lib": "web", "$device_id": VISITOR}, VISITOR, f"anonymous={VISITOR}"),
        ({"$lib": "web", "$device_id": VISITOR, "$is_identified": True}, "u-1", f"customer=u-1 anonymous={VISITOR}"),
        ({"$lib": "web", "$device_id": VISITOR, "$user_id": "u-1"}, "u-1", f"customer=u-1 anonymous={VISITOR}"),
        ({"$groups": {"project": "p", "company": "acme"}}, "u-1", "customer=u-1 account=acme"),
        ({"$groups": {"shop": "s"}}, "u-1", "customer=u-1 account=s"),
        ({"$groups": {"shop": "s", "project": "p"}}, "u-1", "customer=u-1"),
        ({"$process_person_profile": False}, "u-1", "customer=u-1"),
    ],
)
def test_whose_event_it_is(collector, properties, distinct, who) -> None:
    """An identified person has a customer_id; an id that a library made for a visitor is an anonymous_id."""
    assert send(collector, event("seen", distinct, **properties)) == 200
    assert told(collector) == [f"seen {who}"]


def test_a_groups_address_is_nobodys(collector) -> None:
    """The address among a group's properties is no id, and a server's group has no person."""
    said = {"$group_type": "company", "$group_key": "acme", "$group_set": {"email": "info@acme.example"}}
    assert send(collector, event("$groupidentify", "$company_acme", **said)) == 200
    assert told(collector) == ["Grouped account=acme"]


def test_an_address_in_an_events_properties_is_nobodys(collector) -> None:
    """A friend's address in the properties of an event is no id of the sender."""
    assert send(collector, event("Friend Invited", "u-1", email="friend@example.com")) == 200
    assert told(collector) == ["Friend Invited customer=u-1"]
    assert "example.com" not in json.dumps(collector.kept)


@pytest.mark.parametrize("path", ["/batch/", "/e/", "/e", "/i/v0/e/", "/i/v0/e", "/capture/", "/capture"])
def test_one_event_or_many(collector, path) -> None:
    """Every path takes a batch, a single event and a list, and gzip that no header tells of."""
    one = event("seen", "u-1")
    bodies = [
        {"api_key": collector.key, "batch": [one]},
        {"api_key": collector.key, **one},
        [{**one, "properties": {"token": collector.key, "distinct_id": "u-1"}}],
    ]
    for body in bodies:
        packed = gzip.compress(json.dumps(body).encode())
        answer = collector.ask(path, packed, headers={"content-type": "text/plain"}, key=None)
        assert (answer.status, answer.said) == (200, {"status": "Ok"})
    assert told(collector) == ["seen customer=u-1"] * 3
    assert collector.key not in json.dumps(collector.kept)


def test_a_server_does_not_correct_its_clock(collector) -> None:
    """`sent_at` corrects the clocks of devices alone: a server's libraries send the first one again with a retry."""
    said = [event("a", "u-1", **{"$lib": "posthog-node"}), event("b", VISITOR, **{"$lib": "web"})]
    batch = [{**each, "timestamp": "2026-11-22T10:00:00Z"} for each in said]
    body = {"api_key": collector.key, "batch": batch, "sent_at": "2026-11-22T10:00:09Z"}
    assert collector.ask("/batch/", body, key=None).status == 200
    assert [each.get("sent_at") for each in collector.kept] == [None, "2026-11-22T10:00:09Z"]


@pytest.mark.parametrize("path", ["/flags/?v=2", "/flags", "/decide/?v=3", "/decide"])
def test_there_are_no_feature_flags(collector, path) -> None:
    """Who asks for flags hears that there are none, and nothing is kept."""
    answer = collector.ask(path, {"token": "any", "distinct_id": "u-1"}, key=None)
    assert (answer.status, answer.said["featureFlags"], answer.said["errorsWhileComputingFlags"]) == (200, {}, False)
    assert collector.messages == []


def test_a_bomb_is_not_unpacked(collector) -> None:
    """Gzip that no header tells of is inflated to the limit of a body and no further."""
    bomb = gzip.compress(b"[" + b" " * 50_000_000)
    assert collector.ask("/e/", bomb, headers={"content-type": "text/plain"}).status == 413
