"""What `tracker demo` prints at the end: both funnels side by side, and with --keep all addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from rich.console import Group, RenderableType
from rich.text import Text

from streams.demo.demo import DemoOutcome
from streams.demo.live_view import Compared, comparison
from streams.demo.pipeline import RealPipeline

# Always shown; the others only where they differ, so that the table fits 80 columns.
SHOWN = ("came so far", "here now")


def verdict(outcome: DemoOutcome) -> RenderableType:
    """The simulated and the tracked funnel side by side, and whether they are the same."""
    different = [line for line in outcome.compared if not line.equal]
    shown = {*SHOWN, *(line.what for line in different)}
    return Group(
        Text(),
        comparison([line for line in outcome.compared if line.what in shown]),
        Text(),
        _sent(outcome),
        _equal(outcome) if outcome.equal else _different(outcome, different),
    )


def _sent(outcome: DemoOutcome) -> Text:
    report = outcome.report
    return Text(
        f"  {report.touchpoints:,} touchpoints, {report.copies:,} duplicates, {outcome.simulated_rejections} poison "
        f"({outcome.rejections} rejected) in {outcome.seconds:.1f} s",
        "bright_black",
    )


def _equal(outcome: DemoOutcome) -> Text:
    return Text.assemble(
        ("  ✓ ", "bold green"),
        ("The funnel in Redis equals the simulated one.", "bold"),
        (f" All {len(outcome.compared)} numbers are equal.", ""),
    )


def _different(outcome: DemoOutcome, different: Iterable[Compared]) -> Text:
    lines = [f"{line.what}, {line.stage}: {line.simulated:,} ≠ {line.in_redis:,}" for line in different]
    if outcome.simulated_rejections != outcome.rejections:
        lines.append(f"rejected: {outcome.simulated_rejections} ≠ {outcome.rejections}")
    return Text.assemble(("  ✗ ", "bold red"), ("Redis differs from the simulation: ", "bold"), "; ".join(lines))


@dataclass(frozen=True, slots=True)
class Watching:
    """The pages that watch the demo."""

    exporter: str
    canary: str
    prometheus: str = ""
    alertmanager: str = ""
    missing: str = ""
    """Why there is no Prometheus and no Alertmanager."""


def addresses(running: RealPipeline, someone: str, watching: Watching) -> str:
    """Where everything is, and what to try."""
    settings = running.settings
    pages = "\n".join(f"  worker   {page}/metrics" for page in running.workers.pages)
    return f"""
Everything stays up until Ctrl-C:
  Kafka    {settings.kafka_bootstrap}
  Redis    {settings.redis_url}
  funnel   {watching.exporter}
  canary   {watching.canary}
{pages}

{_to_open(watching)}

In another terminal:
  export KAFKA_BOOTSTRAP={settings.kafka_bootstrap}
  export REDIS_URL={settings.redis_url}
  tracker show {someone}
  tracker topics check
  tracker simulate --rate 100 --duration 1m"""


def _to_open(watching: Watching) -> str:
    """What to open in a browser."""
    if watching.missing:
        return f"Without Prometheus and Alertmanager: {watching.missing}."
    graph = urlencode({"g0.expr": "tracker_funnel", "g0.tab": 0, "g0.range_input": "15m"})
    return f"""Open in a browser:
  the funnel     {watching.prometheus}/graph?{graph}
  the alerts     {watching.prometheus}/alerts
  notifications  {watching.alertmanager}"""
