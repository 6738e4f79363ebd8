"""Alert tests as promtool runs them: series in steps, and whether an alert fires at a step."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

import pytest
import yaml

from tracker.journey.definition import Alerts

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yaml"))
THRESHOLDS = ROOT / "deploy/prometheus/rules/thresholds.yaml"
RUNBOOKS = "http://grafana/d/journey-runbooks"
REMEDY = "apt-get install prometheus prometheus-alertmanager, as .ci/run does"
FOUND = re.compile(r"alertname: ?\w+, time: ?(\w+),")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

DECLARED = {
    "JourneyDropoffSpike": Alerts().drop_off,
    "JourneyConversionFall": Alerts().conversion_fall,
    "JourneyStageStalled": Alerts().stalled,
}
"""By alert whose thresholds journey files say, what holds where they say nothing."""

Values = Sequence[float | str | None]


def needs(program: str) -> str:
    """The program's path; where it is not installed the test says how to get it."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: {REMEDY}")
    return found


@cache
def groups() -> list[dict]:
    """The groups of rules, those that others compute with first."""
    return [group for path in RULES[::-1] for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]


@cache
def alerts() -> dict[str, dict]:
    """Every alert of the rules by its name."""
    return {rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule}


def severity(alert: str) -> str:
    """What the alert's severity is, unless a journey file says otherwise."""
    declared = DECLARED.get(alert)
    return declared.severity if declared else alerts()[alert]["labels"]["severity"]


def summed(flows: Sequence[float]) -> list[float]:
    """What a series that adds up these flows shows at each step."""
    return list(accumulate(flows))


def shown(values: Values) -> str:
    """Values as promtool reads them; None is a scrape that did not happen."""
    return " ".join("_" if value is None else str(value) for value in values)


def firing(
    place: Path,
    alert: str,
    series: Mapping[str, Values],
    *,
    step_m: int,
    at_step: int | None = None,
    thresholds: str | None = None,
) -> list[dict[str, str]]:
    """The labels and annotations of each alert of that name that promtool finds firing at the step (the last one).

    `thresholds`: rules to take in place of those that ship.
    """
    last = max(len(values) for values in series.values()) - 1
    found = fired(place, [alert], series, step_m=step_m, at_steps=[last if at_step is None else at_step],
                  thresholds=thresholds)  # fmt: skip
    return [labels for _, labels in found]


def fired(
    place: Path,
    names: Sequence[str],
    series: Mapping[str, Values],
    *,
    step_m: int,
    at_steps: Sequence[int],
    thresholds: str | None = None,
) -> list[tuple[int, dict[str, str]]]:
    """The same for several alerts at many steps, with the step of each."""
    files = list(RULES)
    if thresholds is not None:
        files[files.index(THRESHOLDS)] = place / THRESHOLDS.name
        (place / THRESHOLDS.name).write_text(thresholds, encoding="utf-8")
    claims = [{"eval_time": f"{step * step_m}m", "alertname": name, "exp_alerts": []} for step in at_steps
              for name in names]  # fmt: skip
    test = {
        "interval": f"{step_m}m",
        "external_labels": {"runbooks": RUNBOOKS},
        "input_series": [{"series": name, "values": shown(values)} for name, values in series.items()],
        "alert_rule_test": claims,
    }
    document = {
        "rule_files": [str(path) for path in files],
        "evaluation_interval": f"{step_m}m",
        "group_eval_order": [group["name"] for group in groups()],
        "tests": [test],
    }
    (place / "test.yaml").write_text(yaml.safe_dump(document, width=1e9), encoding="utf-8")
    words = [needs("promtool"), "test", "rules", str(place / "test.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    heads = list(FOUND.finditer(said))
    assert done.returncode == 0 or heads, said
    bounds = [*(head.start() for head in heads), len(said)]
    return [
        (_minutes(head[1]) // step_m, labels)
        for head, end in zip(heads, bounds[1:], strict=True)
        for labels in _label_sets(said[head.end() : end].partition("got:")[2])
    ]


def _label_sets(said: str) -> list[dict[str, str]]:
    """`Labels:{…}` and `Annotations:{…}` of each alert that was not expected, as Prometheus prints label sets."""
    sets = [dict(LABEL.findall(each)) for each in re.findall(r"(?:Labels|Annotations):\{(.*?[^\\]\")\}", said)]
    return [labels | annotations for labels, annotations in zip(sets[::2], sets[1::2], strict=True)]


def _minutes(span: str) -> int:
    """Minutes of a span as Prometheus writes it: `1d2h5m`."""
    units = {"w": 10080, "d": 1440, "h": 60, "m": 1, "s": 0, "ms": 0}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)(ms|[wdhms])", span))
