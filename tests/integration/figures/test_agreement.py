"""At rest the simulator's truth, Redis, /metrics and Prometheus say the same of every figure; a canary is in none.

Simulator → Kafka → two workers → Redis → exporter → Prometheus, all real.
"""

import json
import os
import time
import urllib.request
from bisect import bisect_left
from collections import Counter
from contextlib import ExitStack
from itertools import product
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.clients.clients import kafka_arguments, redis_client
from streams.demo.pipeline import RealPipeline, pipeline
from streams.settings.definitions import load_journeys
from streams.settings.settings import read as read_settings
from streams.simulator.deviations import Deviations
from streams.simulator.event import NO_STAGE, Event
from streams.simulator.run import Simulation
from streams.simulator.stream import Scenario
from streams.simulator.targets import kafka_target
from streams.simulator.truth import Truth
from streams.stores.audit import audit_store
from tests.deploy.promtool import needs
from tests.prometheus import Prometheus
from tests.servers import wait_until
from tracker.engine.customer import CustomerFold
from tracker.journey.definition import Definition

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000
CUSTOMERS = 1_500
SPAN_DAYS = 45
DEVIATIONS = Deviations(
    skips=0, returns=0.05, duplicates=0.05, disorder=0.05, late=0.02, wrong_clocks=0, tickets=0.2, poison=0.01
)
INFINITE = float("inf")
# What Prometheus adds to the labels of a sample.
OF_PROMETHEUS = {"__name__", "job", "instance"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Diary(Truth):
    """The truth, with when each customer first came to each stage and what they answered last."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, dict[int, int]] = {}
        self.answers: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, event: Event) -> None:
        super().add(event)
        if event.poison or event.copy:
            return
        if event.stage != NO_STAGE:
            theirs = self.first.setdefault(event.person, {})
            theirs[event.stage] = min(theirs.get(event.stage, event.at_ms), event.at_ms)
        touchpoint = json.loads(event.value)
        properties = touchpoint.get("properties", {})
        scores = {"Review Submitted": {"nps": "score"}, "Ticket Closed": {"csat": "score", "ces": "effort"}}
        for kind, name in scores.get(touchpoint["type"], {}).items():
            answer = (event.at_ms, properties[name])
            self.answers[event.person, kind] = max(self.answers.get((event.person, kind), answer), answer)

    def samples(self, journey: Definition, now_ms: int) -> Samples:
        """What the exporter must serve, worked out from the diary alone."""
        tally = Tally(journey.journey)
        bounds_ms = [*journey.buckets.convert_ms, INFINITE]
        for theirs in self.first.values():
            began_ms = min(theirs.values())
            took_ms = {self.stages[place]: at_ms - began_ms for place, at_ms in theirs.items()}
            tally.cohorts(now_ms // DAY_MS - began_ms // DAY_MS, took_ms)
            tally.times(took_ms, bounds_ms)
        for (customer, kind), (_, score) in self.answers.items():
            if customer in self.first:
                tally.add("tracker_feedback_customers", kind=kind, score=str(score))
        for stage, number in self.funnel().items():
            tally.add("tracker_funnel", number, stage=stage)
        limits = [stage.drops_after_ms for stage in journey.stages]
        for stage, number in self.dropped(limits, now_ms).items():
            tally.add("tracker_customers", number, stage=stage, status="dropped")
        return {key: float(number) for key, number in tally.found.items()}


class Tally:
    """Samples, counted one customer after the other."""

    def __init__(self, journey: str) -> None:
        self.journey = journey
        self.found: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()

    def add(self, name: str, number: float = 1, **labels: str) -> None:
        self.found[name, frozenset({"journey": self.journey, **labels}.items())] += number

    def cohorts(self, age_days: int, took_ms: dict[str, int]) -> None:
        """Conversion within so many days of the beginning, for the newest 28 days and the newest closed ones."""
        for days, cohort in product((1, 7, 28), ("recent", "mature")):
            youngest = days + 1 if cohort == "mature" else 0
            if not youngest <= age_days < youngest + 28:
                continue
            of = {"days": str(days), "cohort": cohort}
            self.add("tracker_cohort_customers", **of)
            self.add("tracker_cohort_matured", age_days > days, **of)
            for stage, took in took_ms.items():
                self.add("tracker_cohort_reached", took <= days * DAY_MS, stage=stage, **of)

    def times(self, took_ms: dict[str, int], bounds_ms: list[float]) -> None:
        """Who came to each stage, and how long it took those who did not begin there."""
        for stage, took in took_ms.items():
            self.add("tracker_stage_reached", stage=stage)
            for bound in bounds_ms[bisect_left(bounds_ms, took) :] if took else ():
                le = "+Inf" if bound == INFINITE else str(int(bound) // 1000)
                self.add("tracker_stage_convert_seconds_bucket", stage=stage, le=le)
            if took:
                self.add("tracker_stage_convert_seconds_count", stage=stage)
                self.add("tracker_stage_convert_seconds_sum", took // 1000, stage=stage)


def scraped(page: str) -> Samples:
    """What /metrics says."""
    with urllib.request.urlopen(page, timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def asked(prometheus: Prometheus) -> Samples:
    """What Prometheus has of the exporter."""
    return {
        (
            one["metric"]["__name__"],
            frozenset((key, value) for key, value in one["metric"].items() if key not in OF_PROMETHEUS),
        ): float(one["value"][1])
        for one in prometheus.ask('{__name__=~"tracker_.+", job="exporter"}')
    }


def simulate(running: RealPipeline, diary: Diary) -> None:
    """Six weeks of customers, sent as fast as it goes."""
    now_ms = int(time.time() * 1000)
    draft = Scenario(starts_ms=now_ms, interval_ms=1, customers=CUSTOMERS, deviations=DEVIATIONS)
    interval_ms = SPAN_DAYS * DAY_MS * 0.95 / draft.expected_messages
    scenario = Scenario(
        starts_ms=now_ms - SPAN_DAYS * DAY_MS,
        interval_ms=interval_ms,
        customers=CUSTOMERS,
        deviations=DEVIATIONS,
        seed=11,
    )
    with kafka_target(kafka_arguments(running.settings)) as target:
        Simulation(scenario, target, diary).run()


def test_truth_redis_metrics_and_prometheus_agree(tmp_path) -> None:
    """Every figure by stage, cohort, bucket and score, exactly; the canary went the whole way and is in none."""
    needs("prometheus")
    # Six weeks come within seconds here, through several topics: on a busy machine one of them is read days ahead of
    # another, and beyond the horizon the order of arrival would count.
    environ = {**os.environ, "TRACKER_PARTITIONS": "4", "TRACKER_LATENESS_HORIZON_S": str(SPAN_DAYS * 86_400)}
    settings = read_settings(environ)
    with ExitStack() as stack:
        running = stack.enter_context(pipeline(settings, environ, lambda _line: None))
        page, canary = running.workers.start_exporter(), running.workers.start_canary("--every", "1s")
        targets = {"exporter": [urlsplit(page).netloc], "canary": [urlsplit(canary).netloc]}
        prometheus = stack.enter_context(Prometheus(tmp_path / "prometheus", targets).running())
        diary = Diary()
        simulate(running, diary)
        (journey,) = load_journeys(running.settings)
        stages = [stage.name for stage in journey.stages]
        wait_until(lambda: prometheus.ask("tracker_canary_delay_seconds_count >= 8"), 30)

        def differences() -> list[str]:
            truth = diary.samples(journey, int(time.time() * 1000))
            figures, served, stored = running._read(), scraped(page), asked(prometheus)
            in_redis = figures.by_stage(journey.journey, "reached", stages)
            return [
                *(f"{key}: truth {n}, served {served.get(key)}" for key, n in truth.items() if served.get(key) != n),
                *(
                    f"{key}: truth {n}, Prometheus {stored.get(key)}"
                    for key, n in truth.items()
                    if stored.get(key) != n
                ),
                *([] if in_redis == diary.visited() else [f"Redis {in_redis}"]),
            ]

        try:
            wait_until(lambda: not differences(), 30)
        except pytest.fail.Exception:
            pytest.fail("\n".join(differences()[:20]))
        assert served_total(scraped(page)) == len(diary.first), "no canary, no stranger"
        with redis_client(running.settings) as client:
            found = audit_store(client, CustomerFold([journey], running.settings.lateness_horizon_ms), 4)
            assert all(each.sound for each in found)


def served_total(samples: Samples) -> float:
    """The customers of every stage and status."""
    return sum(number for (name, _), number in samples.items() if name == "tracker_customers")
