"""Tracking plans in the collector."""

import json

import pytest

from streams.collector.plans import Plans, load
from streams.errors import ConfigurationError
from tests.streams.collector.asking import Collector
from tests.touchpoints import touchpoint
from tracker.planning.decode import decode
from tracker.touch import Touch

PLAN = """
sources:
  shop:
    violations: {fate}
    types:
      Order Completed: {{required: [order_id], properties: {{order_id: {{type: string}}}}}}
"""
GOOD, BAD = {"order_id": "17"}, {"order_id": 17}


def planned(folder, fate: str = "mark") -> Collector:
    file = folder / "plans.yaml"
    file.write_text(PLAN.format(fate=fate))
    return Collector(folder, {"COLLECTOR_PLANS": str(file)})


def order(properties: dict, **fields) -> dict:
    return json.loads(touchpoint("c-1", "Order Completed", properties=properties, **fields))


def counted(collector: Collector, fate: str) -> float | None:
    labels = {"source": "shop", "violation": "wrong_type", "fate": fate}
    return collector.wired.metrics.registry.get_sample_value("tracker_collector_plan_violations_total", labels)


def test_a_violation_passes_with_a_mark(tmp_path) -> None:
    """A violation is listed in the touchpoint's context; a touchpoint as planned is unchanged."""
    collector = planned(tmp_path)
    events = [order(BAD, context={"a": 1}), order(GOOD, event_id="e-2")]
    assert collector.ask("/v1/touchpoints", events).said == {"accepted": 2}
    bad, good = collector.kept
    assert bad["context"] == {"a": 1, "plan_violations": ['properties.order_id: the value is not of type "string"']}
    assert "context" not in good
    assert (counted(collector, "marked"), counted(collector, "rejected")) == (1, None)


def test_a_sender_cannot_mark_itself(tmp_path) -> None:
    """A sender's own mark of violations is removed."""
    event = order(GOOD, context={"plan_violations": ["none at all"], "a": 1})
    collector = planned(tmp_path)
    assert collector.ask("/v1/touchpoints", event).status == 200
    assert collector.kept[0]["context"] == {"a": 1}


def test_a_violation_is_rejected_where_the_plan_says_so(tmp_path) -> None:
    """A rejected violation is answered 200 and kept whole, with key, reason and place; other events are accepted."""
    collector = planned(tmp_path, "reject")
    answer = collector.ask("/v1/touchpoints", [order(BAD, event_id="e-1"), order(GOOD, event_id="e-2")])
    assert (answer.status, answer.said["accepted"]) == (200, 1)
    assert [(each["index"], each["reason"], each["event_id"]) for each in answer.said["rejected"]] == [
        (0, "plan", "e-1")
    ]
    (held,) = collector.rejections
    assert (held.reason, held.place.topic, held.place.offset, held.key) == ("plan", "touchpoints.web", -1, b"c-1")
    assert isinstance(decode(held.value, held.received_at_ms), Touch)
    assert json.loads(held.value)["properties"] == BAD
    assert counted(collector, "rejected") == 1


def test_a_rejection_waits_for_kafka_too(tmp_path) -> None:
    """Without Kafka's confirmation of a rejection the answer is 503."""
    collector = planned(tmp_path, "reject")
    collector.publisher.fail_next = 1
    assert collector.ask("/v1/touchpoints", order(BAD)).status == 503


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_segments_calls_are_checked_too(tmp_path, path) -> None:
    """A violation is answered 200 even as the only call of a request: sending it again would change nothing."""
    collector = planned(tmp_path, "reject")
    call = {"type": "track", "event": "Order Completed", "userId": "c-1", "messageId": "m", "properties": BAD}
    answer = collector.ask(path, {"batch": [call]} if path == "/v1/batch" else call)
    assert (answer.status, answer.said["rejected"][0]["reason"]) == (200, "plan")
    assert collector.kept == [] and len(collector.rejections) == 1


def test_other_sources_have_no_plan(tmp_path) -> None:
    """A plan holds for its own source only."""
    collector = planned(tmp_path, "reject")
    assert collector.ask("/v1/touchpoints", order(BAD), key=collector.add("other")).said == {"accepted": 1}


def test_a_changed_file_is_read_again(tmp_path) -> None:
    """A changed file is read without a restart; a broken one keeps the plans before, and is an error at the start."""
    now_s, file = [0.0], tmp_path / "plans.yaml"
    file.write_text(PLAN.format(fate="mark"))
    plans = Plans(file, lambda: now_s[0])
    assert not plans.of("shop").rejects
    for text, at_s in ((PLAN.format(fate="reject"), 2.0), ("sources: {shop: {violations: x}}", 4.0)):
        file.write_text(text)
        now_s[0] = at_s
        assert plans.of("shop").rejects
    with pytest.raises(ConfigurationError, match=r"plans.yaml:1:30: violations cannot be"):
        load(file)
