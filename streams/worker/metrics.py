"""What a worker process measures: counts and times of its work, and whether Kafka and Redis answer.

`streams/process/series.py` names the series.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Collection, Iterable, Iterator, Sequence
from time import monotonic, time
from typing import Any, Final, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily

from schemas.rejection import WorkerReason
from schemas.transition import Kind
from streams.process.series import BUCKETS, PIPELINE
from streams.worker.step_clock import StepClock
from tracker.planning.plan import PartitionBatch, Plan
from tracker.planning.planner import REPORTED

log = structlog.get_logger()

# An outage is logged once a server in this time; every failed call is counted.
LOG_EVERY_S: Final = 10.0
KINDS: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
LATENCY: Final = "tracker_event_to_state_seconds"
OF_NO_JOURNEY: Final = {"linked", "unlinked", "conflict", "erased"}
"""Kinds of transitions that concern a customer's identity; their series have no journey to begin at zero with."""
COUNTED: Final = {
    "routed": "tracker_touchpoints_routed_total",
    "forwarded": "tracker_touchpoints_forwarded_total",
    "repeats": "tracker_routed_repeats_total",
    "suppressed": "tracker_touchpoints_suppressed_total",
    "conflicts": "tracker_identity_conflicts_total",
    "suspects": "tracker_identity_suspects_total",
    "aliases_refused": "tracker_aliases_refused_total",
    "members_refused": "tracker_members_refused_total",
    "instances_refused": "tracker_instances_refused_total",
    "erased": "tracker_names_erased_total",
}
"""By count of a plan, its series: what is counted outside of the fold."""
LIMITS: Final = {
    "aliases_refused": "a name's ties",
    "members_refused": "an account's people",
    "instances_refused": "a customer's instances of a keyed journey",
}
"""By count of a plan: what somebody has the most of that is kept; logged once by each process."""
BEGIN_AT_ZERO: Final = {
    "tracker_touchpoints_rejected_total": get_args(WorkerReason),
    "tracker_outages_total": ("kafka", "redis"),
}


class WorkerMetrics:
    """Counts and times of one process, and the two servers' availability."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.last_applied_s = monotonic()
        self.away: set[str] = set()
        """Servers that did not answer the last call."""
        self._logged_s: dict[str, float] = {}
        self._told: set[str] = set()
        self._lagging: set[tuple[str, int]] = set()
        self._latency = Latency()
        self.registry.register(self._latency)
        self._series: dict[str, Any] = {}
        for series in PIPELINE:
            if series.name != LATENCY:
                options = {"buckets": BUCKETS[series.name]} if series.kind == "histogram" else {}
                meter = KINDS[series.kind](series.name, series.help, series.labels, registry=self.registry, **options)
                self._series[series.name] = meter
        # Prometheus sees an increase only between two samples: a counter that appears with its first event, at 1,
        # shows none.
        for name, values in BEGIN_AT_ZERO.items():
            for value in values:
                self._series[name].labels(value)
        self._steps = {step: self._series["tracker_step_seconds"].labels(str(step)).observe for step in range(3, 8)}

    def restarted(self, count: int) -> None:
        """The supervisor has started this process again so many times."""
        self._add("tracker_process_restarts_total", count)

    def begin(self, journeys: Iterable[str]) -> None:
        """Show 0 for each kind of transition of these journeys."""
        for journey in journeys:
            for kind in set(get_args(Kind)) - OF_NO_JOURNEY:
                self._series["tracker_transitions_total"].labels(journey, kind)

    def applied(self, batches: Sequence[PartitionBatch], plan: Plan) -> None:
        """Count batches that have gone through all steps."""
        now_s = time()
        self.last_applied_s = monotonic()
        counts, add = plan.counts, self._add
        for name, series in COUNTED.items():
            add(series, counts[name])
        for name in LIMITS.keys() - self._told:
            if counts[name]:
                self._told.add(name)
                log.warning("a limit is reached", of=LIMITS[name], series=COUNTED[name])
        if counts["rejected"]:
            for name, count in counts.items():
                if name.startswith("rejected:"):
                    add("tracker_touchpoints_rejected_total", count, name.partition(":")[2])
        self._folded(plan)
        self._series["tracker_applied_time_seconds"].set(now_s)
        for batch in batches:
            add("tracker_touchpoints_read_total", len(batch.records), batch.topic)
            self._series["tracker_batch_records"].observe(len(batch.records))
            self._latency.observe(now_s * 1000, [record.timestamp for record in batch.records])

    def swept(self, customers: int, plan: Plan) -> None:
        """Count a sweep: the timers of so many customers have fired."""
        self.last_applied_s = monotonic()
        self._add("tracker_timers_fired_total", customers)
        self._add("tracker_timers_set_aside_total", plan.counts["timers set aside"])
        self._folded(plan)

    def _folded(self, plan: Plan) -> None:
        counts = plan.counts
        self._add("tracker_touchpoints_applied_total", counts["applied"])
        self._add("tracker_touchpoints_duplicate_total", counts["duplicate"])
        self._add("tracker_touchpoints_late_total", counts["late"])
        for name, count in counts.items():
            if name.startswith(REPORTED):
                _, kind, journey = name.split(":", 2)
                self._add("tracker_transitions_total", count, journey, kind)
        for topic, count in Counts(message.topic for message in plan.messages).items():
            self._add("tracker_messages_published_total", count, topic)

    def cache(self, hits: int, misses: int) -> None:
        """Count the states that a batch needed: those in the cache, and those read from the store."""
        self._add("tracker_cache_reads_total", hits, "cache")
        self._add("tracker_cache_reads_total", misses, "store")

    def clock(self) -> StepClock:
        """A clock for the steps of one batch."""
        return StepClock(lambda step, seconds: self._steps[step](seconds))

    def outage(self, server: str, reason: str) -> None:
        """Count a call to a server that failed and will be tried again."""
        self._add("tracker_outages_total", 1, server)
        self._series["tracker_server_available"].labels(server).set(0)
        self.away.add(server)
        if monotonic() - self._logged_s.get(server, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged_s[server] = monotonic()
            log.warning("server does not answer; waiting for it", server=server, reason=reason)

    def answered(self, server: str) -> None:
        """Note that a server has answered."""
        if server in self.away:
            self.away.discard(server)
            self._logged_s.pop(server, None)
            log.info("server answers again", server=server)
        self._series["tracker_server_available"].labels(server).set(1)

    def progressing(self) -> None:
        """Restart the stall clock: nothing waits, or nothing can be applied now."""
        self.last_applied_s = monotonic()

    def missing(self, topic: str, offsets: int) -> None:
        """Count offsets that were never applied and that Kafka no longer has."""
        self._add("tracker_touchpoints_missing_total", offsets, topic)

    def migrated(self, states: int) -> None:
        """Count states that were brought to a newer definition without a touchpoint."""
        self._add("tracker_states_migrated_total", states)

    def restamped(self, topic: str, records: int) -> None:
        """Count records whose Kafka timestamp cannot be right."""
        self._add("tracker_timestamps_replaced_total", records, topic)

    def rebuilt(self) -> None:
        """Keys of a partition were gone, and it is built again."""
        self._add("tracker_partitions_rebuilt_total", 1)

    def refused(self, why: str) -> None:
        """Count a write that the store refused."""
        self._add("tracker_writes_refused_total", 1, why)

    def stale(self, batches: int) -> None:
        """Count batches that were dropped because they will be read again."""
        self._add("tracker_batches_stale_total", batches)

    def lag(self, partition: int, topic: str, records: int) -> None:
        """Set the lag of a topic-partition: the records that wait behind its last batch."""
        self._series["tracker_lag_records"].labels(topic, str(partition)).set(max(0, records))
        self._lagging.add((topic, partition))

    def owned(self, partitions: Collection[int]) -> None:
        """Set the partitions that this process owns; the lag of any other partition is its new owner's to report."""
        self._series["tracker_partitions_owned"].set(len(partitions))
        for topic, partition in [place for place in self._lagging if place[1] not in partitions]:
            self._series["tracker_lag_records"].remove(topic, str(partition))
            self._lagging.discard((topic, partition))

    def _add(self, name: str, count: int, *labels: str) -> None:
        if count:
            series = self._series[name]
            (series.labels(*labels) if labels else series).inc(count)


class Latency:
    """The histogram of event-to-state seconds, fed a batch at a time.

    A sort and one search a bucket cost 0.06 µs a record; prometheus_client's own `observe` costs 1 µs.
    """

    def __init__(self) -> None:
        self._bounds = BUCKETS[LATENCY]
        self._counts = [0] * len(self._bounds)
        self._count = 0
        self._sum_ms = 0.0

    def observe(self, now_ms: float, timestamps_ms: list[int]) -> None:
        """Count records with these broker timestamps, whose states are written now; the list is sorted in place."""
        timestamps_ms.sort()
        total = len(timestamps_ms)
        for index, bound_s in enumerate(self._bounds):
            self._counts[index] += total - bisect_left(timestamps_ms, now_ms - bound_s * 1000)
        self._count += total
        self._sum_ms += now_ms * total - sum(timestamps_ms)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The histogram, as prometheus_client asks a collector for it."""
        help_text = next(series.help for series in PIPELINE if series.name == LATENCY)
        buckets = [(str(float(bound)), float(count)) for bound, count in zip(self._bounds, self._counts, strict=True)]
        yield HistogramMetricFamily(
            LATENCY, help_text, [*buckets, ("+Inf", float(self._count))], max(0.0, self._sum_ms / 1000)
        )
