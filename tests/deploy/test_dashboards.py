import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from streams.collector.metrics import SERIES as COLLECTOR
from streams.exporter.series import EXPORTED
from streams.process.series import CANARY, PIPELINE
from tests.deploy.promtool import DECLARED, RULES, alerts, groups, needs, severity

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("build", ROOT / "deploy/grafana/build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

BOARDS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")
}
CORE = {"stat", "timeseries", "bargauge", "table", "text"}
RULE_EXPRESSIONS = [rule["expr"] for group in groups() for rule in group["rules"]]
RECORDED = {rule["record"] for group in groups() for rule in group["rules"] if "record" in rule}
LOOKED_AT = {one.name: one for one in (*EXPORTED, *PIPELINE, *CANARY)}
SERIES = LOOKED_AT | {one.name: one for one in COLLECTOR}
OF_PROMETHEUS = {"prometheus_rule_evaluation_failures_total", "ALERTS"}
NAME = re.compile(r"\b(?:[a-z_]+:[a-z0-9_:]+|(?:tracker|prometheus)_\w+|tracker:\w[\w:]*|ALERTS)\b")


def named(expression: str) -> set[str]:
    """The metrics that an expression asks for; label names and text aside."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return {found.removesuffix(":") for found in NAME.findall(bare)}


def base(name: str) -> str:
    """The metric of a sample."""
    plain = re.sub(r"_(bucket|sum|count)$", "", name)
    return plain if plain in SERIES and SERIES[plain].kind == "histogram" else name


def queries() -> list[str]:
    panels = [panel for board in BOARDS.values() for panel in board["panels"]]
    variables = [each for board in BOARDS.values() for each in board["templating"]["list"] if each["type"] == "query"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*asked, *(re.search(r"\((.*), \w+\)", each["query"])[1] for each in variables)]


def test_dashboards_are_in_step() -> None:
    """The committed JSON is what `python deploy/grafana/build.py` writes, and there is no other."""
    wanted = build.files()
    folder = ROOT / "deploy/grafana/dashboards"
    assert {path for path in folder.iterdir() if path.suffix == ".json"} == set(wanted)
    assert [path.name for path, text in wanted.items() if path.read_text(encoding="utf-8") != text] == []


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_are_cores_and_stand_apart(uid) -> None:
    """Only panels that Grafana has by itself, on the data source of the provisioning, none over another."""
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    covered = set()
    for panel in BOARDS[uid]["panels"]:
        assert panel["type"] in CORE
        assert panel["type"] == "text" or panel["datasource"]["uid"] == source["datasources"][0]["uid"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & covered and max(x for x, _ in cells) < 24
        covered |= cells


@pytest.mark.parametrize("expression", [*RULE_EXPRESSIONS, *queries()])
def test_what_is_asked_for_exists(expression) -> None:
    """Each metric of each query and rule is one that is served, recorded, or Prometheus' own."""
    asked = {base(name) for name in named(expression)}
    assert asked - SERIES.keys() - RECORDED - OF_PROMETHEUS - {"up"} == set()
    assert asked or re.search(r"^vector\([\w.]+\)$|\bup\{", expression)


def test_labels_that_are_asked_for_exist() -> None:
    """A selector names only labels that its metric has."""
    wrong = [
        (name, label)
        for expression in (*RULE_EXPRESSIONS, *queries())
        for name, selector in re.findall(r"(tracker_\w+)\{([^}]*)\}", expression)
        for label in re.findall(r"(\w+)\s*=~?|(\w+)\s*!=", selector)
        if (label[0] or label[1]) not in SERIES[base(name)].labels
    ]
    assert wrong == []


def test_each_metric_is_looked_at() -> None:
    """Every series that is served is in some rule or dashboard, and so is everything that is recorded."""
    looked_at = {base(name) for expression in (*RULE_EXPRESSIONS, *queries()) for name in named(expression)}
    assert (LOOKED_AT.keys() | RECORDED) - looked_at == set()


def test_queries_are_promql(tmp_path) -> None:
    """Prometheus can read every query of every panel."""
    rules = [{"record": f"q:{place}", "expr": expr.replace("$", "x")} for place, expr in enumerate(queries())]
    (tmp_path / "q.yaml").write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}), encoding="utf-8")
    words = [needs("promtool"), "check", "rules", str(tmp_path / "q.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration() -> None:
    """Configuration and rules are valid, and the rules are named in it."""
    words = [needs("promtool"), "check", "config", str(ROOT / "deploy/prometheus/prometheus.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rule files found" in done.stdout


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_its_runbook(alert) -> None:
    """The runbook is named after the alert, says what to look at and do, and the link leads there."""
    page = (ROOT / "deploy/runbooks" / f"{alert}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {alert}\n") and "\n## Look\n" in page and "\n## Do\n" in page
    assert alerts()[alert]["annotations"]["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{alert}"
    assert alert in {panel["title"] for panel in BOARDS["journey-runbooks"]["panels"]}


@pytest.mark.parametrize("alert", sorted(alerts().keys() - {"Watchdog"}))
def test_each_alert_waits_and_lingers(alert) -> None:
    """Each has `for`, `keep_firing_for`, a severity and what it is about: no flapping, and a way to go."""
    rule = alerts()[alert]
    assert rule["for"] and rule["keep_firing_for"]
    assert severity(alert) in {"page", "ticket"} and rule["labels"]["about"] in {"journey", "tracking"}
    assert ("group_left (severity)" in rule["expr"]) == (alert in DECLARED)


def test_no_runbook_is_left_over() -> None:
    """There is no page for an alert that does not exist."""
    assert {path.stem for path in (ROOT / "deploy/runbooks").glob("*.md")} == set(alerts())


def test_recorded_names_have_three_parts() -> None:
    """Level, metric, operations."""
    assert [name for name in RECORDED if len(name.split(":")) != 3] == []
