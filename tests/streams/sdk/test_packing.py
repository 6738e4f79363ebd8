from datetime import UTC, datetime

import pytest

from streams.sdk.packing import NotATouchpoint, build, event_id, pack
from tests.touchpoints import START_MS
from tracker.identity.kinds import kinds_of
from tracker.planning.decode import decode


def test_what_is_packed_is_what_workers_read() -> None:
    """Customer, type, time, properties and context come back from the bytes; the key is the strongest alias."""
    built = build(
        "shop",
        "Order Completed",
        customer_id="c-17",
        anonymous_id="a-1",
        occurred_at=START_MS,
        properties={"order_id": "1001", "amount": 49.9},
        extra={"gift": True},
        context={"campaign": "spring"},
    )
    key, value = pack(built)
    touch = decode(value, START_MS)
    assert (key, touch.customer, touch.type, touch.channel) == (b"c-17", "c-17", "Order Completed", "shop")
    assert (touch.at_ms, touch.properties) == (START_MS, {"order_id": "1001", "amount": 49.9, "gift": True})
    assert touch.context == {"campaign": "spring"}


def test_a_weaker_alias_is_a_key_with_its_kind() -> None:
    """Without a customer_id the key names the kind, so that strangers of different kinds never collide."""
    assert pack(build("web", "Page Viewed", anonymous_id=17))[0] == b"anonymous_id:17"


def test_aliases_of_further_kinds_go_along() -> None:
    """By their kind; the order that the installation has decides the key."""
    built = build("web", "Page Viewed", anonymous_id="a", ids={"device_id": "d"})
    assert pack(built)[0] == b"anonymous_id:a"
    assert pack(built, kinds_of(["customer_id", "device_id", "anonymous_id"]))[0] == b"device_id:d"


def test_the_same_event_has_the_same_id() -> None:
    """With its moment given, saying the same again gives the same id; without, each call is an event of its own."""
    said = {"customer_id": "c-1", "occurred_at": START_MS}
    assert build("web", "Page Viewed", **said).event_id == build("web", "Page Viewed", **said).event_id
    assert build("web", "Page Viewed", **said).event_id != build("web", "Product Viewed", **said).event_id
    assert (
        build("web", "Page Viewed", customer_id="c-1").event_id
        != build("web", "Page Viewed", customer_id="c-1").event_id
    )


def test_an_id_of_parts_fits() -> None:
    """Parts are joined as they are while that fits, and hashed where it does not."""
    assert event_id("order", 1001, "paid") == "order/1001/paid"
    long = event_id("order", "x" * 200)
    assert len(long) == 64
    assert long == event_id("order", "x" * 200)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "no_id"),
        ({"customer_id": "null"}, "no_id"),
        ({"customer_id": "c" * 300}, "id_too_long"),
        ({"customer_id": "c-1", "event_id": ""}, "event_id"),
        ({"customer_id": "c-1", "event_id": "e" * 129}, "event_id"),
        ({"customer_id": "c-1", "occurred_at": 1_795_338_000}, "impossible_time"),
        ({"customer_id": "c-1", "occurred_at": datetime(2026, 11, 22)}, "impossible_time"),  # noqa: DTZ001
        ({"customer_id": "c-1", "properties": {"amount": "49.90"}}, r"amount"),
        ({"customer_id": "c-1", "extra": {"who": object()}}, "unsupported"),
        ({"customer_id": "c-1", "occurred_at": START_MS, "extra": {"who": object()}}, "unsupported"),
        ({"customer_id": "c-1", "extra": {"note": "x" * 300_000}}, "too_large"),
        ({"customer_id": "c-1", "extra": {"note": "\ud800"}}, "surrogates"),
    ],
)
def test_what_is_no_touchpoint_is_refused(said, why) -> None:
    """The sender gets the error, with the reason and where to read on."""
    with pytest.raises(NotATouchpoint, match=f"(?s)'Order Completed' is no touchpoint: .*{why}.*docs/touchpoints.md"):
        pack(build("shop", "Order Completed", **said))


def test_a_moment_with_an_offset_is_taken() -> None:
    """Dates travel as RFC 3339."""
    _, value = pack(build("web", "Page Viewed", customer_id="c-1", occurred_at=datetime(2026, 11, 22, tzinfo=UTC)))
    assert b'"occurred_at":"2026-11-22T00:00:00Z"' in value
