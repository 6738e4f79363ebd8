"""The collector's metrics: each name once, with its labels. Label values come from closed sets, never from input."""

from collections.abc import Sequence
from typing import Any, Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.rejection import CollectorReason
from streams.collector.admission import AdmissionVerdict
from streams.collector.delivery import Delivery
from streams.collector.problems import HttpProblem
from streams.process.series import RESTARTS, Series

REQUESTS: Final = Series(
    "tracker_collector_requests_total", "counter", "Requests answered, by route and status.", ("route", "status")
)
SECONDS: Final = Series(
    "tracker_collector_request_seconds", "histogram", "Time from a request's head to its answer.", ("route",)
)
ACCEPTED: Final = Series(
    "tracker_collector_touchpoints_total", "counter", "Touchpoints that Kafka has confirmed.", ("source",)
)
REFUSED: Final = Series("tracker_collector_refused_total", "counter", "Events that were refused.", ("source", "reason"))
VIOLATIONS: Final = Series(
    "tracker_collector_plan_violations_total",
    "counter",
    "Touchpoints that violated their source's tracking plan; fate: marked or rejected.",
    ("source", "violation", "fate"),
)
PASSED_OVER: Final = Series(
    "tracker_collector_passed_over_total",
    "counter",
    "Events of webhooks that made no touchpoint, by the sender's name of the message; why: unmapped (no table maps "
    "it), nobody (it has no id of a person) or no_answer (a survey that was only offered).",
    ("source", "topic", "why"),
)
HELD: Final = Series("tracker_collector_held_touchpoints", "gauge", "Touchpoints that wait for Kafka's confirmation.")
HELD_BYTES: Final = Series("tracker_collector_held_bytes", "gauge", "Bytes of the touchpoints that wait.")
AVAILABLE: Final = Series(
    "tracker_collector_kafka_available", "gauge", "1 when Kafka confirmed the last round, else 0."
)
SERIES: Final = (REQUESTS, SECONDS, ACCEPTED, REFUSED, PASSED_OVER, VIOLATIONS, HELD, HELD_BYTES, AVAILABLE, RESTARTS)

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REASONS: Final = frozenset(get_args(CollectorReason))
OTHER: Final = "other"


class CollectorMetrics:
    """Counts and times of one collector process."""

    def __init__(self, delivery: Delivery) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._made(Counter, REQUESTS)
        self._seconds = self._made(Histogram, SECONDS, buckets=BUCKETS)
        self._accepted = self._made(Counter, ACCEPTED)
        self._refused = self._made(Counter, REFUSED)
        self._passed_over = self._made(Counter, PASSED_OVER)
        self._violations = self._made(Counter, VIOLATIONS)
        self._restarts = self._made(Counter, RESTARTS)
        self._made(Gauge, HELD).set_function(lambda: delivery.held)
        self._made(Gauge, HELD_BYTES).set_function(lambda: delivery.held_bytes)
        self._made(Gauge, AVAILABLE).set_function(lambda: float(not delivery.away))

    def _made(self, kind: type, series: Series, **options: Any) -> Any:
        return kind(series.name, series.help, series.labels, registry=self.registry, **options)

    def restarted(self, count: int) -> None:
        """The supervisor has started this process again so many times."""
        self._restarts.inc(count)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def accepted(self, source: str, count: int) -> None:
        """Count touchpoints that Kafka has confirmed."""
        self._accepted.labels(source).inc(count)

    def refused(self, source: str, problems: Sequence[HttpProblem]) -> None:
        """Count events that were refused, by reason."""
        for problem in problems:
            self._refused.labels(source, problem.reason if problem.reason in REASONS else OTHER).inc()

    def passed_over(self, source: str, topic: str, why: str) -> None:
        """Count an event of a webhook that made no touchpoint; `topic` is a name that the sender's table knows."""
        self._passed_over.labels(source, topic, why).inc()

    def planned(self, source: str, verdicts: Sequence[AdmissionVerdict]) -> None:
        """Count violations that Kafka has confirmed, each touchpoint once for each kind of violation."""
        for verdict in verdicts:
            fate = "rejected" if verdict.problem else "marked"
            for kind in {violation.kind for violation in verdict.violations}:
                self._violations.labels(source, kind, fate).inc()
