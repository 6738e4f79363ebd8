"""The soak: simulate at a steady rate against worker processes, watch the lag, compare the figures with the truth.

    python bench/soak.py --rate 2000 --duration 5m

Starts Kafka and Redis (KAFKA_BOOTSTRAP and REDIS_URL name others), two workers, and kafka-python's producer in this
process. Prints a line every few seconds and a report; exit code 0 says that the lag stayed bounded, that the pace was
held and that every figure in Redis equals the truth.
"""

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from streams.clients.clients import kafka_arguments
from streams.demo.demo import compare
from streams.demo.pipeline import RealPipeline, pipeline
from streams.errors import TrackerError
from streams.settings.definitions import load_journeys
from streams.settings.settings import read
from streams.simulator.deviations import Deviations
from streams.simulator.run import Simulation, SimulationReport
from streams.simulator.targets import kafka_target, quiet_clients
from streams.simulator.truth import Truth
from streams.simulator.wish import Wish, scenario
from tracker import duration

DEVIATIONS = Deviations(
    skips=0.05, returns=0.1, duplicates=0.05, disorder=0.1, late=0.02, wrong_clocks=0.05, poison=0.001
)
LOOK_S = 1.0
REPORT_S = 10.0
SETTLE_S = 60.0
# Bounded: the lag of any moment is worth at most so many seconds of the input, and does not grow over the run.
MOST_LAG_S = 2.0
WARM_UP_S = 5.0
# kafka-python holds the pace when it loses at most this share of it.
PACE_LOSS = 0.02


@dataclass
class Soak:
    """What was seen."""

    rate: float
    lags: list[tuple[float, int]] = field(default_factory=list)
    report: SimulationReport | None = None
    different: list[str] = field(default_factory=list)
    caught_up_s: float = 0.0

    def warm(self) -> list[int]:
        """The lags after the beginning, in which the workers' caches are cold."""
        return [lag for at, lag in self.lags if at > WARM_UP_S] or [0]

    def failures(self) -> list[str]:
        """What does not hold."""
        assert self.report is not None
        failures = list(self.different)
        if max(self.warm()) > MOST_LAG_S * self.rate:
            failures.append(f"the lag reached {max(self.warm())} messages, {max(self.warm()) / self.rate:.1f} s")
        if self.report.per_second < self.rate * (1 - PACE_LOSS):
            failures.append(f"the simulator reached {self.report.per_second:.0f} of {self.rate:.0f} messages a second")
        return failures


def soak(running: RealPipeline, run: Simulation, rate: float) -> Soak:
    """Simulate, watch, wait, compare."""
    seen = Soak(rate)
    errors: list[Exception] = []

    def simulate() -> None:
        try:
            seen.report = run.run()
        except Exception as error:  # noqa: BLE001  # raised again in the main thread
            errors.append(error)

    thread = threading.Thread(target=simulate, daemon=True)
    begun = reported = time.monotonic()
    thread.start()
    try:
        while thread.is_alive():
            running.check()
            lag, now = running.lag(), time.monotonic()
            seen.lags.append((now - begun, lag))
            if now - reported > REPORT_S:
                reported = now
                print(f"{now - begun:6.1f} s  sent {run.truth.messages:>9,}  lag {lag:>6,}", flush=True)
            thread.join(LOOK_S)
    finally:
        run.stop()
    if errors:
        raise errors[0]
    ended = time.monotonic()
    while running.lag():
        running.check()
        if time.monotonic() - ended > SETTLE_S:
            seen.different.append(f"{running.lag()} messages were still not applied {SETTLE_S:.0f} s after the end")
            break
        time.sleep(0.05)
    seen.caught_up_s = time.monotonic() - ended
    (definition,) = load_journeys(running.settings)
    lines = compare(run, definition, running.figures(), int(time.time() * 1000))
    seen.different += [
        f"{line.what}, {line.stage}: {line.simulated} simulated, {line.in_redis} in Redis"
        for line in lines
        if not line.equal
    ]
    return seen


def print_report(seen: Soak) -> int:
    """Print the report; returns the exit code."""
    report, lags = seen.report, sorted(seen.warm())
    assert report is not None
    print(f"\nmessages        {report.messages:,} ({report.copies:,} duplicates, {sum(report.poison.values())} poison)")
    print(f"customers       {report.customers:,}")
    print(f"pace            {report.per_second:,.0f}/s of {seen.rate:,.0f}/s wanted, {report.seconds:.0f} s")
    share = {name: lags[int(len(lags) * part)] for name, part in (("p50", 0.5), ("p99", 0.99))} | {"max": lags[-1]}
    print("lag             " + ", ".join(f"{name} {lag:,} ({lag / seen.rate:.2f} s)" for name, lag in share.items()))
    print(f"caught up after {seen.caught_up_s:.1f} s")
    failures = seen.failures()
    print("figures         equal to the truth" if not seen.different else "figures         DIFFERENT")
    for failure in failures:
        print(f"  {failure}")
    return 1 if failures else 0


def main() -> int:
    """Run the soak that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=2000.0, help="messages a second")
    parser.add_argument("--duration", default="5m")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    quiet_clients()
    settings = replace(read(os.environ), journeys=None)
    wish = Wish(
        seed=options.seed, rate=options.rate, duration_s=duration.parse(options.duration) / 1000, deviations=DEVIATIONS
    )
    try:
        with pipeline(settings, os.environ, print) as running:
            plan = scenario(wish, int(time.time() * 1000))
            with kafka_target(kafka_arguments(running.settings)) as target:
                return print_report(soak(running, Simulation(plan, target, Truth(), rate=options.rate), options.rate))
    except TrackerError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
