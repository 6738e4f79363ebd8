"""Google Analytics 4's Measurement Protocol."""

from hashlib import sha256

import pytest

from schemas.sdks.ga4 import GA4
from tests.streams.collector.asking import Collector
from tests.streams.collector.sdks.replaying import told


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def send(collector: Collector, *events: dict, key: str | None = None, **shared):
    body = {"client_id": "client.1", "events": list(events), **shared}
    return collector.ask(f"/mp/collect?measurement_id=G-1&api_secret={key or collector.key}", body, key=None)


def test_it_is_answered_without_a_body(collector) -> None:
    """204 when Kafka has the events, with the secret as the write key."""
    answer = send(collector, {"name": "page_view", "params": {"page_location": "https://shop.example/spring?a=1"}})
    assert (answer.status, answer.body) == (204, b"")
    assert told(collector) == ["Page Viewed anonymous=client.1"]
    assert collector.kept[0]["properties"] == {"url": "https://shop.example/spring?a=1", "path": "/spring"}


@pytest.mark.parametrize(("name", "type_"), GA4.events.items())
def test_recommended_events_have_the_types_of_all(collector, name, type_) -> None:
    """Each recommended event becomes the type that the other senders use."""
    assert send(collector, {"name": name, "params": {}}).status == 204
    assert [each["type"] for each in collector.kept] == [type_]


def test_an_order_counts_once(collector) -> None:
    """A purchase is known by its order's number, whatever the time; the properties have our names."""
    items = [{"item_name": "Lamp", "price": 9, "quantity": 2}]
    params = {"transaction_id": "17", "value": 99.5, "currency": "EUR", "items": items}
    for micros in (1_790_000_000_000_000, 1_790_000_000_500_000):
        assert send(collector, {"name": "purchase", "params": params}, timestamp_micros=micros).status == 204
    first, second = collector.kept
    assert first["event_id"] == second["event_id"]
    assert (first["channel"], first["occurred_at"]) == ("shop", 1_790_000_000_000)
    assert {"order_id": "17", "amount": 99.5, "currency": "EUR"}.items() <= first["properties"].items()


def test_not_set_is_no_order_number(collector) -> None:
    """Two purchases whose number is `(not set)` are two, and have no number."""
    events = [{"name": "purchase", "params": {"transaction_id": "(not set)", "value": value}} for value in (1, 2)]
    assert send(collector, *events).status == 204
    assert len({each["event_id"] for each in collector.kept}) == 2
    assert all("order_id" not in each["properties"] for each in collector.kept)


def test_equal_events_of_one_request_are_kept_apart(collector) -> None:
    """An event has no id: two equal ones are two, and sent again with their time they are the same two."""
    for _ in range(2):
        assert send(collector, *[{"name": "add_to_cart"}] * 2, timestamp_micros=1_790_000_000_000_000).status == 204
    ids = [each["event_id"] for each in collector.kept]
    assert (ids[:2] == ids[2:], ids[0] != ids[1]) == (True, True)


def test_hashed_addresses_are_ids(collector) -> None:
    """`user_data` has hashes of the person's address, which name the same person as the address does."""
    hashed = sha256(b"ann@example.com").hexdigest()
    assert send(collector, {"name": "login"}, user_id="u-1", user_data={"sha256_email_address": [hashed]}).status == 204
    collector.ask("/v1/identify", {"userId": "u-1", "traits": {"email": "Ann@example.com"}})
    assert told(collector) == ["Signed In customer=u-1 anonymous=client.1 email", "Identified customer=u-1 email"]
    assert len({each["ids"]["email_sha256"] for each in collector.kept}) == 1


def test_what_is_put_aside_is_answered_204(collector) -> None:
    """The protocol answers every request alike: an event of nobody is in Kafka, among the rejections."""
    assert send(collector, {"name": "login"}, client_id=None).status == 204
    assert [each.reason for each in collector.rejections] == ["no_id"]


def test_no_2xx_is_false(collector) -> None:
    """A wrong secret and a body that nobody can read are no 2xx, since Kafka has nothing of them."""
    assert send(collector, {"name": "login"}, key="wk_unknown").status == 401
    assert collector.ask(f"/mp/collect?api_secret={collector.key}", b"{", key=None).status == 400
    assert collector.messages == []
