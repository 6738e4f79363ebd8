"""CloudEvents 1.0: structured, in batches and binary."""

import pytest

from tests.streams.collector.asking import Collector

EVENT = {
    "specversion": "1.0", "id": "1", "source": "/shop", "type": "Order Completed", "time": "2026-11-22T10:00:00Z",
    "customerid": "c-1", "channel": "shop", "tenant": "north", "data": {"order_id": "17"},
}  # fmt: skip


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


def test_structured(collector) -> None:
    """Attributes become fields, data become properties, other extensions become context."""
    answer = collector.ask(
        "/v1/cloudevents", EVENT, headers={"content-type": "application/cloudevents+json; charset=utf-8"}
    )
    assert answer.said == {"accepted": 1}
    (kept,) = collector.kept
    del kept["received_at"]
    assert kept == {
        "schema": "touchpoint/1", "event_id": "/shop/1", "type": "Order Completed", "channel": "shop",
        "occurred_at": "2026-11-22T10:00:00Z", "ids": {"customer_id": "c-1"}, "properties": {"order_id": "17"},
        "context": {"tenant": "north"},
    }  # fmt: skip


def test_a_batch(collector) -> None:
    """A batch is accepted, also at the path of touchpoints."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = collector.ask("/v1/touchpoints", [EVENT, EVENT | {"id": "2"}], headers=headers)
    assert answer.said == {"accepted": 2}


def test_binary(collector) -> None:
    """Attributes are percent-encoded headers; the body is the data."""
    headers = {f"ce-{name}": value for name, value in EVENT.items() if name != "data"} | {
        "ce-type": "Order%20Completed"
    }
    assert collector.ask("/v1/cloudevents", {"order_id": "17"}, headers=headers).said == {"accepted": 1}
    assert collector.kept[0]["type"] == "Order Completed"
    assert collector.kept[0]["properties"] == {"order_id": "17"}


@pytest.mark.parametrize(
    "changes", [{"specversion": "2.0"}, {"id": ""}, {"type": None}, {"time": "soon"}, {"source": 1}]
)
def test_what_the_specification_forbids(collector, changes) -> None:
    """Events that the specification forbids are answered 400, and nothing is kept."""
    answer = collector.ask("/v1/cloudevents", EVENT | changes, headers={"content-type": "application/cloudevents+json"})
    assert answer.status == 400
    assert collector.messages == []
