"""`tracker demo`: a live funnel, compared with the simulated one at the end."""

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
from streams.process.terminal import unfiltered
from streams.servers import prometheus
from streams.settings.settings import read
from streams.simulator.deviations import Deviations
from streams.simulator.run import Simulation
from streams.simulator.targets import kafka_target, quiet_clients
from streams.simulator.truth import Truth
from streams.simulator.wish import Wish, scenario

CUSTOMERS = 10_000
# 21,000 messages in 34 seconds: short enough to wait for, slow enough to watch.
RATE = 620.0
# The demo's journeys happened in the last three days, within the drops_after of every stage.
SPAN_MS = 3 * 86_400_000
DEVIATIONS = Deviations(
    skips=0, returns=0.03, duplicates=0.05, disorder=0.05, late=0.02, wrong_clocks=0.02, anonymous=0.2, quiet=0.03,
    poison=0.001,
)  # fmt: skip
LOOK_S = 0.5


def demo(
    *,
    rate: Annotated[float | None, typer.Option(help=f"Messages per second. Left out: {RATE:g}.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Send as fast as Kafka accepts.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running afterwards, and print the addresses.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed makes other customers in the same funnel.")] = 1,
) -> int:
    """Show a live funnel on real Kafka, Faust and Redis.

    Starts a Kafka and a Redis of its own (or uses those of KAFKA_BOOTSTRAP and REDIS_URL), two workers, and 10,000
    simulated customers, of whom 20 become loyal. A fifth of them use other ids before they sign in. At the end the
    funnel in Redis is compared with the simulated one.

    With --keep everything stays up, watched by a canary, and by Prometheus and Alertmanager where these are installed.

    Exit codes: 0 when every number is equal, 8 when one differs.

    Examples:
      tracker demo
      tracker demo --fast
      tracker demo --keep
    """
    if rate is not None and (fast or rate <= 0):
        raise UsageError("--rate must be above 0 and cannot be combined with --fast.", "Use one of the two.")
    pace = None if fast else rate or RATE
    out = unfiltered(sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        # Where the encoding lacks the bar's characters a question mark is printed; an error would end the demo.
        out.reconfigure(errors="replace")
    console = Console(file=out, highlight=False)
    settings = replace(read(os.environ), journeys=None)
    quiet_clients()
    view = view_for(console)
    with view, door(settings), pipeline(settings, os.environ, view.say) as running:
        try:
            with view:
                run, outcome = _play(running, view, pace, seed)
            console.print(verdict(outcome))
            if keep:
                view.say("starting exporter, canary and Prometheus")
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
    """Return at Ctrl-C, the normal end."""
    with suppress(KeyboardInterrupt):
        while True:
            running.check()
            time.sleep(LOOK_S)
