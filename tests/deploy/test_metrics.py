import re
import subprocess
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from streams.canary import Canary
from streams.definitions.served import Served, ServedBeside
from streams.exporter.exporter import FunnelCollector, Latest
from streams.exporter.figures import Figures
from streams.exporter.series import EXPORTED
from streams.process.series import CANARY, PIPELINE
from streams.worker.metrics import WorkerMetrics
from tests.deploy.promtool import needs
from tests.stored import SHOP, definition
from tracker.figures.fields import parse
from tracker.journey.definition import Rule, Survey

TOPICS = ("touchpoints.web", "touchpoints.shop")


def exporter() -> CollectorRegistry:
    latest = Latest()
    figures = Figures({parse("shop|stay|seen|60"): 3}, {(TOPICS[0], 0): 7})
    latest.took(replace(figures, shadow=figures), 4.0, 4.5, 1000.0)
    registry = CollectorRegistry()
    journey = replace(definition(SHOP), feedback=(Survey("nps", Rule(type="survey")),))
    served = replace(Served.of([journey]), shadow=ServedBeside("b2", (journey,)))
    registry.register(FunnelCollector(served, TOPICS, latest, partitions=4))
    return registry


def canary() -> CollectorRegistry:
    return Canary(2, ("web",), lambda *_: None, lambda asked: [None for _ in asked]).registry


@pytest.mark.parametrize(
    "registry", [exporter(), WorkerMetrics().registry, canary()], ids=["exporter", "worker", "canary"]
)
def test_names_follow_the_rules(registry) -> None:
    """Prometheus' own tool finds no fault in names, types and help."""
    words = [needs("promtool"), "check", "metrics"]
    done = subprocess.run(words, input=generate_latest(registry), capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_exporter_serves_its_table() -> None:
    """Names, types and labels are those of the table, no more and no fewer."""
    served = {family.name: family for family in exporter().collect()}
    assert {family.name: family.type for family in served.values()} == {one.name: one.kind for one in EXPORTED}
    for one in EXPORTED:
        labels = {frozenset(sample.labels) - {"le"} for sample in served[one.name].samples}
        assert labels == {frozenset(one.labels)}, one.name


def test_a_worker_serves_its_table() -> None:
    """Names and types are those of the table, no more and no fewer."""
    served = {family.name: family.type for family in WorkerMetrics().registry.collect()}
    assert served == {one.name.removesuffix("_total"): one.kind for one in PIPELINE}


def test_the_canary_serves_its_table() -> None:
    """Names and types are those of the table, no more and no fewer."""
    served = {family.name: family.type for family in canary().collect()}
    assert served == {one.name.removesuffix("_total"): one.kind for one in CANARY}


def test_openmetrics_can_be_read() -> None:
    """Who asks for OpenMetrics gets it, without exemplars: they would carry identities."""
    text = generate_openmetrics(exporter()).decode()
    assert list(read_openmetrics(text)) and "# {" not in text


@pytest.mark.parametrize("one", [*EXPORTED, *PIPELINE, *CANARY], ids=lambda one: one.name)
def test_a_name_says_what_it_is(one) -> None:
    """Lower-case words after `tracker_`; counters end in _total, times in seconds; the help is a sentence."""
    assert re.fullmatch(r"tracker(_[a-z]+)+", one.name)
    assert one.name.endswith("_total") == (one.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|minutes|hours|days|percent)$", one.name.removesuffix("_total"))
    assert one.help[0].isupper() or one.help[0].isdigit()
    assert one.help.endswith(".")


def test_figures_that_were_lost_are_incomplete() -> None:
    """While a partition is applied less far than it was seen, the figures say so; then they are whole again."""
    latest = Latest()
    told = []
    for offset in (7, 3, 6, 7, 9):
        latest.took(Figures({}, {(TOPICS[0], 0): offset}), 4.0, 4.5, 1000.0)
        told.append(latest.complete)
    latest.took(replace(latest.figures, offsets={}), 4.0, 4.5, 1000.0)
    assert [*told, latest.complete] == [True, False, False, True, True, False]
