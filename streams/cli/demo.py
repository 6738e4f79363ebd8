"""`tracker demo`: a live funnel from nothing, compared with the truth at the end."""

import io
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from streams.cli.demo_output import Watching, addresses, verdict
from streams.clients.failures import door
from streams.demo.demo import Demo, DemoOutcome
from streams.demo.live_view import View, view_for
from streams.demo.pipeline import RealPipeline, pipeline
from streams.errors import ExitCode, UsageError
from streams.servers import prometheus
from streams.settings.settings import read
from streams.simulator.deviations import Deviations
from streams.simulator.run import Simulation
from streams.simulator.targets import kafka_target, quiet_clients
from streams.simulator.truth import Truth
from streams.simulator.wish import Wish, scenario

CUSTOMERS = 10_000
# 21,000 messages in 34 seconds: fast enough to stay, slow enough to watch.
RATE = 620.0
# The journeys of the demo happened in the last three days, within what every stage allows.
SPAN_MS = 3 * 86_400_000
DEVIATIONS = Deviations(
    skips=0, returns=0.03, duplicates=0.05, disorder=0.05, late=0.02, wrong_clocks=0.02, anonymous=0.2, quiet=0.03,
    poison=0.001,
)  # fmt: skip
LOOK_S = 0.5


def demo(
    *,
    rate: Annotated[float | None, typer.Option(help=f"Messages a second; {RATE:g} when left out.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it goes.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, with the addresses printed.")] = False,
    seed: Annotated[int, typer.Option(help="Other seeds make other customers, of the same funnel.")] = 1,
) -> int:
    """Show a live funnel on real Kafka, Faust and Redis.

    Starts a Kafka and a Redis of its own (KAFKA_BOOTSTRAP and REDIS_URL name others), two workers, and 10,000
    customers of whom 20 become loyal; a fifth of them come under other ids before they sign in. At the end the funnel
    in Redis is compared with the simulated one: exit code 0 says that every number is equal, 8 that one differs.

    With --keep everything stays up, watched by a canary, and by Prometheus and Alertmanager where these are installed.

    Examples:
      tracker demo
      tracker demo --fast
      tracker demo --keep
    """
    if rate is not None and (fast or rate <= 0):
        raise UsageError("--rate must be above 0 and cannot be used together with --fast.", "Choose one of them.")
    pace = None if fast else rate or RATE
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a bar gets a question mark, not the end of the demo.
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    settings = replace(read(os.environ), journeys=None)
    quiet_clients()
    view = view_for(console)
    with view, door(settings), pipeline(settings, os.environ, view.say) as running:
        try:
            with view:
                run, outcome = _play(running, view, pace, seed)
            console.print(verdict(outcome))
            if keep:
                view.say("starting what watches it")
                watching = _watch(running)
                console.print(addresses(running, run.truth.most_loyal(), watching), markup=False, soft_wrap=True)
                _stay(running)
                console.print("\nStopping.")
        except KeyboardInterrupt:
            console.print("\nStopping.")
            raise
    return ExitCode.OK if outcome.equal else ExitCode.MISMATCH


def _play(running: RealPipeline, view: View, pace: float | None, seed: int) -> tuple[Simulation, DemoOutcome]:
    from streams.clients.clients import kafka_arguments
    from streams.settings.definitions import load_journeys

    wish = Wish(seed=seed, customers=CUSTOMERS, rate=pace, span_ms=SPAN_MS, deviations=DEVIATIONS)
    plan = scenario(wish, int(time.time() * 1000))
    (definition,) = load_journeys(running.settings)
    with kafka_target(kafka_arguments(running.settings)) as target:
        run = Simulation(plan, target, Truth(), rate=pace)
        return run, Demo(run, definition, running, view).play()


def _watch(running: RealPipeline) -> Watching:
    """Exporter and canary, and Prometheus and Alertmanager where they are installed."""
    workers = running.workers
    exporter, canary = workers.start_exporter(), workers.start_canary("--every", "5s")
    if reason := prometheus.missing():
        return Watching(exporter, canary, missing=reason)
    pages = {"exporter": [exporter], "canary": [canary], "worker": workers.pages}
    watcher, manager = prometheus.start(workers.group, pages)
    return Watching(exporter, canary, watcher.url, manager.url)


def _stay(running: RealPipeline) -> None:
    """Return at Ctrl-C, which is how this is meant to end."""
    with suppress(KeyboardInterrupt):
        while True:
            running.check()
            time.sleep(LOOK_S)
