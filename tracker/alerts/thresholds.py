"""The thresholds of journey files as recording rules of Prometheus: a series for each, by journey and stage.

The alerts in deploy/prometheus/rules compare with these series. A journey without thresholds needs no rules of its own:
the defaults hold for every stage that the exporter serves. It knows the form of rules, and no file.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import inf
from typing import Any, Final, NamedTuple

from tracker.journey.definition import Alerts, Definition, Stage

NAMES: Final = {"drop_off": "dropoff", "conversion_fall": "conversion", "stalled": "stalled"}
"""By alert of a journey file: the word in the names of its series."""
STAGES: Final = "max by (journey, stage) (tracker_stage_place)"
"""A PromQL expression with a series for every stage that the exporter serves."""
HEAD: Final = """\
# Made by `tracker rules`: what the journey files say of their alerts, as series that the alerts compare with.
# Where a file says nothing the defaults hold, also for journeys that are not in this file.
groups:
  - name: thresholds
    rules:
"""


class ThresholdRule(NamedTuple):
    """A recording rule."""

    record: str
    expr: str
    labels: dict[str, str]


def rules(definitions: Sequence[Definition]) -> list[ThresholdRule]:
    """The rules series by series: first the declared values, then the default for all other stages."""
    stages = [(definition.journey, stage) for definition in definitions for stage in definition.stages]
    made: list[ThresholdRule] = []
    for alert, name in NAMES.items():
        for key, usual in asdict(getattr(Alerts(), alert)).items():
            series = f"journey_stage:tracker_{name}_{key}"
            declared = list(_declared(f"{series}:declared", stages, alert, key, usual))
            rest = _everywhere(usual)
            if declared:
                rest = f"{series}:declared or on (journey, stage) {rest}"
            made += [*declared, ThresholdRule(f"{series}:{'info' if key == 'severity' else 'threshold'}", rest, {})]
    return made


def as_yaml(definitions: Sequence[Definition]) -> str:
    """The rules as a file for Prometheus."""
    lines = []
    for record, expr, labels in rules(definitions):
        lines += [f"      - record: {record}", f"        expr: {expr}"]
        if labels:
            lines.append(f"        labels: {json.dumps(labels, ensure_ascii=False)}")
    return HEAD + "\n".join(lines) + "\n"


def as_data(definitions: Sequence[Definition]) -> list[dict[str, Any]]:
    """The thresholds of each stage as plain data; None where an alert is off."""
    return [
        {"journey": definition.journey, "stage": stage.name, **asdict(stage.alerts)}
        for definition in definitions
        for stage in definition.stages
    ]


def _declared(
    record: str, stages: Sequence[tuple[str, Stage]], alert: str, key: str, usual: float | str
) -> Iterator[ThresholdRule]:
    for journey, stage in stages:
        said = getattr(stage.alerts, alert)
        labels = {"journey": journey, "stage": stage.name}
        if said is None:
            # No number of customers reaches infinity, so the other thresholds need no series.
            if key == "customers":
                yield ThresholdRule(record, _constant(inf), labels)
        elif (value := getattr(said, key)) != usual:
            yield (
                ThresholdRule(record, _constant(1), labels | {key: value})
                if isinstance(value, str)
                else ThresholdRule(record, _constant(value), labels)
            )


def _everywhere(usual: float | str) -> str:
    if isinstance(usual, str):
        # In single quotes, so that the expression needs no escapes in YAML.
        return f"label_replace({STAGES} ^ 0, 'severity', '{usual}', '', '')"
    return f"{STAGES} * 0 + {usual:g}"


def _constant(value: float) -> str:
    return f"vector({'Inf' if value == inf else repr(value)})"
