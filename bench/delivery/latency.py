"""Latency: from Kafka's timestamp of a touchpoint to its state, at a steady rate, by the workers' own histogram.

The worker stops its clock after step 7 of a batch, so the figure includes the write of the state (step 6)
and the confirmed publishing of the transitions: it is an upper bound of the time to the committed state.
"""

import sys
import time
import urllib.request
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from bench.delivery.ground import Ground
from bench.delivery.race import NotMeasuredError
from bench.delivery.team import Team
from streams.servers.ports import free_port
from streams.worker.metrics import LATENCY

PACER: Final = "bench.delivery.pacer"
WORKER: Final = [sys.executable, "-m", "bench.delivery.fine_worker"]
# The first seconds fill caches and compile Kafka's paths.
WARM_UP_S: Final = 6.0
READY_WITHIN_S: Final = 60.0

Buckets = dict[float, float]
"""By upper bound in seconds, the number of touchpoints that took at most that."""


def start_pacer(team: Team, ground: Ground, channel: str, rate: float, customers: int) -> None:
    """Begin to send at a steady rate."""
    numbers = [str(ground.partitions), str(rate), str(customers)]
    team.start([sys.executable, "-m", PACER, ground.bootstrap, channel, *numbers], {})


def buckets(ports: list[int]) -> Buckets:
    """The histograms of all workers, added."""
    total: Buckets = {}
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            for family in text_string_to_metric_families(page.read().decode()):
                for sample in family.samples:
                    if sample.name == f"{LATENCY}_bucket":
                        bound = float(sample.labels["le"])
                        total[bound] = total.get(bound, 0.0) + sample.value
    return total


def quantile(counts: Buckets, share: float) -> float:
    """The quantile in seconds, interpolated between the bounds of its bucket."""
    wanted = share * max(counts.values())
    low_s, below = 0.0, 0.0
    for bound_s in sorted(counts):
        if counts[bound_s] >= wanted:
            if bound_s == float("inf") or counts[bound_s] == below:
                return low_s
            return low_s + (bound_s - low_s) * (wanted - below) / (counts[bound_s] - below)
        low_s, below = bound_s, counts[bound_s]
    return low_s


def start_workers(team: Team, ground: Ground, channel: str, processes: int) -> list[int]:
    """Start workers; returns their ports when all are ready."""
    ports = [free_port() for _ in range(processes)]
    environ = ground.environ(channel)
    for port in ports:
        team.start(WORKER, {**environ, "TRACKER_HTTP_PORT": str(port)})
    until_s = time.monotonic() + READY_WITHIN_S
    while not all(map(_ready, ports)):
        team.check()
        if time.monotonic() > until_s:
            raise NotMeasuredError(f"not every worker was ready in {READY_WITHIN_S:.0f} s\n{team.words()}")
        time.sleep(0.1)
    return ports


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return True
    except OSError:
        return False


def wait_for(ground: Ground, team: Team, channel: str, deadline_s: float = 60.0) -> None:
    """Return when something of every partition is applied."""
    until_s = time.monotonic() + deadline_s
    while not all(ground.applied_by_partition(channel)):
        team.check()
        if time.monotonic() > until_s:
            raise NotMeasuredError(f"not every partition moved in {deadline_s:.0f} s\n{team.words()}")
        time.sleep(0.1)


def latency(
    ground: Ground, channel: str, rate: float, *, customers: int, processes: int, seconds: float
) -> dict[str, Any]:
    """p50, p99 and the like of one rate."""
    ground.forget()
    ground.create(channel)
    with Team(ground.new_directory()) as team:
        ports = start_workers(team, ground, channel, processes)
        start_pacer(team, ground, channel, rate, customers)
        wait_for(ground, team, channel)
        time.sleep(WARM_UP_S)
        before, begun_s, cpu_s = buckets(ports), time.monotonic(), team.cpu_s()
        time.sleep(seconds)
        team.check()
        after, passed_s, cpu_s = buckets(ports), time.monotonic() - begun_s, team.cpu_s() - cpu_s
        behind = "behind" in team.words(100)
    counts = {bound: after[bound] - before[bound] for bound in after}
    return {
        "p50_ms": quantile(counts, 0.5) * 1000,
        "p90_ms": quantile(counts, 0.9) * 1000,
        "p99_ms": quantile(counts, 0.99) * 1000,
        "p999_ms": quantile(counts, 0.999) * 1000,
        "per_s": max(counts.values()) / passed_s,
        "pacer_behind": behind,
    }
