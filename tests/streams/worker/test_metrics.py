from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from schemas.rejection import WorkerReason
from streams.process.series import BUCKETS, CANARY, PIPELINE
from streams.worker.metrics import LATENCY, Latency, WorkerMetrics
from tests.flow.harness import WEB
from tests.touchpoints import Record
from tracker.planning.message import Message
from tracker.planning.plan import PartitionBatch, Plan


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics()


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def plan(**counts: int) -> Plan:
    return Plan({}, {}, {}, [Message("journey.transitions", 0, None, b"")] * 2, Counter(counts))


def test_every_series_of_the_table_is_exposed(metrics: WorkerMetrics) -> None:
    """The table is the truth: each of its names has help and a type on the page."""
    page = generate_latest(metrics.registry).decode()
    for series in PIPELINE:
        assert f"# HELP {series.name}" in page or f"# HELP {series.name.removesuffix('_total')}" in page
    assert set(BUCKETS) == {series.name for series in (*PIPELINE, *CANARY) if series.kind == "histogram"}


def test_names_wear_their_units() -> None:
    """Counters end in `_total`; times are seconds; every name is ours and used once."""
    names = [series.name for series in PIPELINE]
    assert len(set(names)) == len(names)
    for series in PIPELINE:
        assert series.name.startswith("tracker_")
        assert series.name.endswith("_total") == (series.kind == "counter")
        assert series.help.endswith(".")


def test_transitions_are_counted_by_journey_and_kind(metrics: WorkerMetrics) -> None:
    """From 0 on, so that the first one is an increase; a name may hold a colon."""
    metrics.begin(["shop:a"])
    assert value(metrics, "tracker_transitions_total", journey="shop:a", kind="dropped") == 0
    metrics.swept(1, plan(**{"reported:dropped:shop:a": 3, "reported:linked:": 1}))
    assert value(metrics, "tracker_transitions_total", journey="shop:a", kind="dropped") == 3
    assert value(metrics, "tracker_transitions_total", journey="", kind="linked") == 1


def test_a_batch_is_counted_by_what_became_of_its_records(metrics: WorkerMetrics) -> None:
    """Read, applied, duplicate, late, routed, rejected by reason, published by topic."""
    counts = {"read": 10, "applied": 5, "duplicate": 2, "late": 1, "routed": 1, "rejected": 2,
              "rejected:no_id": 1, "rejected:not_json": 1}  # fmt: skip
    metrics.applied([PartitionBatch(WEB, 0, [Record(0, b"")] * 10)], plan(**counts))
    assert value(metrics, "tracker_touchpoints_read_total", topic=WEB) == 10
    for what, count in (("applied", 5), ("duplicate", 2), ("late", 1), ("routed", 1), ("suppressed", 0)):
        assert value(metrics, f"tracker_touchpoints_{what}_total") == count
    for reason in ("no_id", "not_json"):
        assert value(metrics, "tracker_touchpoints_rejected_total", reason=reason) == 1
    assert value(metrics, "tracker_messages_published_total", topic="journey.transitions") == 2
    assert value(metrics, f"{LATENCY}_count") == 10


def test_who_is_who_is_counted(metrics: WorkerMetrics) -> None:
    """Conflicts, limits, what aliases send on, and what is kept out."""
    counts = {"conflicts": 1, "aliases_refused": 2, "forwarded": 3, "suppressed": 4, "erased": 5, "members_refused": 6}
    metrics.applied([PartitionBatch(WEB, 0, [Record(0, b"")])], plan(**counts))
    names = [
        "tracker_identity_conflicts_total", "tracker_aliases_refused_total", "tracker_touchpoints_forwarded_total",
        "tracker_touchpoints_suppressed_total", "tracker_names_erased_total", "tracker_members_refused_total",
    ]  # fmt: skip
    assert [value(metrics, name) for name in names] == [1, 2, 3, 4, 5, 6]


def test_a_limit_that_is_reached_is_counted_often_and_said_once(metrics: WorkerMetrics, capsys) -> None:
    """Each limit by itself."""
    for counts in ({"instances_refused": 700}, {"instances_refused": 1, "aliases_refused": 2}, {"aliases_refused": 3}):
        metrics.applied([], plan(**counts))
    assert value(metrics, "tracker_instances_refused_total") == 701
    said = capsys.readouterr().out
    assert said.count("a limit is reached") == 2
    assert said.count("a customer's instances of a keyed journey") == 1


def test_an_outage_is_counted_often_and_said_seldom(metrics: WorkerMetrics, capsys) -> None:
    """Each failed call is a count; one line reports it, and one its end."""
    for _ in range(100):
        metrics.outage("kafka", "refused")
    assert value(metrics, "tracker_server_available", server="kafka") == 0
    metrics.answered("kafka")
    metrics.answered("kafka")
    assert value(metrics, "tracker_outages_total", server="kafka") == 100
    assert value(metrics, "tracker_server_available", server="kafka") == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_partition_that_moved_has_no_lag_here(metrics: WorkerMetrics) -> None:
    """Its new owner says how far behind it is; two answers would be added up."""
    metrics.lag(0, WEB, 5)
    metrics.lag(1, WEB, 7)
    metrics.owned([1])
    assert value(metrics, "tracker_lag_records", topic=WEB, partition="0") is None
    assert value(metrics, "tracker_lag_records", topic=WEB, partition="1") == 7
    assert value(metrics, "tracker_partitions_owned") == 1
    metrics.owned([])
    assert value(metrics, "tracker_lag_records", topic=WEB, partition="1") is None


@given(st.lists(st.lists(st.integers(0, 100_000_000), min_size=1, max_size=20), max_size=5))
def test_the_fast_histogram_is_the_slow_one(batches: list[list[int]]) -> None:
    """Fed a batch at a time, it says what prometheus_client's own says fed one by one."""
    now_ms = 100_000_000
    slow_registry, fast_registry = CollectorRegistry(), CollectorRegistry()
    slow = Histogram(LATENCY, "slow", buckets=BUCKETS[LATENCY], registry=slow_registry)
    fast = Latency()
    fast_registry.register(fast)
    for batch in batches:
        for stamp in batch:
            slow.observe((now_ms - stamp) / 1000)
        fast.observe(now_ms, list(batch))
    for bound in (*(str(float(bound)) for bound in BUCKETS[LATENCY]), "+Inf"):
        name, labels = f"{LATENCY}_bucket", {"le": bound}
        assert fast_registry.get_sample_value(name, labels) == slow_registry.get_sample_value(name, labels)
    slow_sum = slow_registry.get_sample_value(f"{LATENCY}_sum")
    assert fast_registry.get_sample_value(f"{LATENCY}_sum") == pytest.approx(slow_sum)


def test_known_counters_begin_at_zero(metrics: WorkerMetrics) -> None:
    """Each reason of a rejection is there before the first: else Prometheus sees no increase when it comes."""
    assert {value(metrics, "tracker_touchpoints_rejected_total", reason=each) for each in get_args(WorkerReason)} == {0}
