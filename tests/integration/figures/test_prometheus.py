"""Every query of every dashboard against a real Prometheus, which scrapes a real exporter and real workers."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.clients.clients import kafka_arguments
from streams.demo.pipeline import RealPipeline, pipeline
from streams.settings.definitions import load_journeys
from streams.settings.settings import read as read_settings
from streams.simulator.deviations import Deviations
from streams.simulator.run import Simulation
from streams.simulator.stream import Scenario
from streams.simulator.targets import kafka_target
from streams.simulator.truth import Truth
from tests.deploy.promtool import needs
from tests.prometheus import Prometheus, shrunk
from tests.servers import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
VARIABLES = {"$journey": "seven_stages", "$segment": "customer_type", "$days": "7", "$cohort": "recent"}
CUSTOMERS = 3000
PER_S = 400


def panels() -> list[tuple[str, str]]:
    """What each panel of each dashboard asks, by where it stands."""
    found = []
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"]
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                found.append((f"{path.stem}: {panel['title']}", shrunk(expression)))
    return found


def simulation(settings, target) -> Simulation:
    scenario = Scenario(
        starts_ms=int((time.time() - 2 * 86_400) * 1000),
        interval_ms=40,
        seed=3,
        customers=CUSTOMERS,
        deviations=Deviations(poison=0.01, quiet=0.05),
    )
    return Simulation(scenario, target, Truth(), rate=PER_S)


def begin_shadow(running: RealPipeline, directory: Path) -> None:
    """Have the same journey counted beside itself, by a higher version whose time without a touchpoint is longer."""
    (live,) = running.settings.journey_files()
    text = re.sub(r"(?m)^version: (\d+)$", lambda found: f"version: {int(found[1]) + 1}", live.read_text("utf-8"))
    changed = directory / "changed.yaml"
    changed.write_text(text.replace("drops_after: ", "drops_after: 1", 1), "utf-8")
    command = [sys.executable, "-m", "streams", "shadow", str(changed), "--detach"]
    answer = subprocess.run(  # our own program
        command, env=running.workers.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr


def address(page: str) -> str:
    return urllib.parse.urlsplit(page).netloc


def test_every_panel_has_data(tmp_path) -> None:
    """Each query of each dashboard returns something, each rule is computed, and the figures are Redis'."""
    needs("prometheus")
    settings = read_settings({**os.environ, "TRACKER_PARTITIONS": "4"})
    with ExitStack() as stack:
        running = stack.enter_context(pipeline(settings, os.environ, lambda _line: None))
        begin_shadow(running, tmp_path)
        exporter = running.workers.start_exporter()
        targets = {
            "exporter": [address(exporter)],
            "worker": [address(page) for page in running.workers.pages],
            "canary": [address(running.workers.start_canary("--every", "2s"))],
        }
        prometheus = stack.enter_context(Prometheus(tmp_path / "prometheus", targets).running())
        target = stack.enter_context(kafka_target(kafka_arguments(running.settings)))
        run = simulation(running.settings, target)
        sender = threading.Thread(target=run.run)
        sender.start()
        stack.callback(sender.join)
        stack.callback(run.stop)
        missing: list[tuple[str, str]] = panels()

        def all_have_data() -> bool:
            missing[:] = [(place, query) for place, query in missing if not prometheus.ask(query)]
            return not missing

        try:
            wait_until(all_have_data, 150)
        except pytest.fail.Exception:
            pytest.fail(f"no data for {missing}")
        assert prometheus.failures() == []
        run.stop()
        sender.join()
        wait_until(lambda: running.lag() == 0, 60)
        compare(prometheus, running)


def compare(prometheus: Prometheus, running: RealPipeline) -> None:
    """At rest Prometheus, the exporter and Redis agree number by number."""
    (journey,) = load_journeys(running.settings)
    stages = [stage.name for stage in journey.stages]
    in_redis = {
        "tracker_stage_reached": lambda figures: figures.by_stage(journey.journey, "reached", stages),
        "tracker_funnel": lambda figures: figures.funnel(journey.journey, stages),
        "tracker_stage_dropoffs": lambda figures: figures.by_stage(journey.journey, "dropoffs", stages),
    }

    def equal() -> bool:
        figures = running._read()
        return all(
            {each["metric"]["stage"]: int(each["value"][1]) for each in prometheus.ask(name)} == take(figures)
            for name, take in in_redis.items()
        )

    wait_until(equal, 30)
