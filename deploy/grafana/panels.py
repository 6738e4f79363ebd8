"""The parts of a dashboard: panels, variables, and the few queries that many panels share."""

from dataclasses import dataclass, field
from typing import Any, Final

SOURCE: Final = {"type": "prometheus", "uid": "journey-prometheus"}
"""The uid stands in deploy/grafana/provisioning/datasources/prometheus.yaml."""
J: Final = 'journey="$journey"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries, and how their answers are shown."""

    title: str
    kind: str
    """A core panel of Grafana: stat, timeseries, bargauge, table, text."""
    queries: tuple[tuple[str, str], ...] = ()
    """PromQL and legend of each query."""
    unit: str = "short"
    width: int = 8
    height: int = 8
    help: str = ""
    instant: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    transformations: tuple[dict[str, Any], ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()
    """Colours from these values up; green below the first."""
    cell: str = ""
    """How the cells of a table are coloured."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[dict[str, Any], ...] = ()


def by_query(name: str, label: str, query: str) -> dict[str, Any]:
    """A variable with the values of a label."""
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query, "query": query,
            "refresh": 2, "sort": 1, "multi": False, "includeAll": False}  # fmt: skip


def by_choice(name: str, label: str, *values: str) -> dict[str, Any]:
    """A variable with these values, the first of which is chosen."""
    options = [{"text": each, "value": each, "selected": each == values[0]} for each in values]
    return {"type": "custom", "name": name, "label": label, "query": ",".join(values), "options": options,
            "current": options[0], "multi": False, "includeAll": False}  # fmt: skip


def new_in(metric: str, by: str, over: str = "1h", where: str = J) -> str:
    """The increase of a gauge over a time."""
    return f"max by ({by}) ({metric}{{{where}}}) - max by ({by}) ({metric}{{{where}}} offset {over})"


def zero(query: str) -> str:
    """A count that is 0 where there is no series yet."""
    return f"{query} or vector(0)"


def in_order(query: str) -> str:
    """The query with a label `place` to sort by: the places of stages, from 101 on, so that text sorts as numbers."""
    places = f'count_values by (stage) ("place", max by (stage) (tracker_stage_place{{{J}}}) + 100)'
    return f"({query}) * on (stage) group_left (place) {places}"


def sorted_by(*names: str) -> tuple[dict[str, Any], ...]:
    """Rows sorted by the first of these fields; the fields are not shown."""
    return (
        {"id": "sortBy", "options": {"sort": [{"field": names[0], "desc": False}]}},
        {"id": "organize", "options": {"excludeByName": dict.fromkeys(("Time", *names), True)}},
    )


def matrix(rows: str, columns: str) -> tuple[dict[str, Any], ...]:
    """A table of two labels, stages in their order."""
    return (
        {"id": "sortBy", "options": {"sort": [{"field": "place", "desc": False}]}},
        {"id": "groupingToMatrix", "options": {"columnField": columns, "rowField": rows, "valueField": "Value"}},
    )


def joined(column: str, *names: str) -> tuple[dict[str, Any], ...]:
    """One row for each value of a label, with a column for each query."""
    renamed = {f"Value #{chr(65 + place)}": name for place, name in enumerate(names)}
    return (
        {"id": "joinByField", "options": {"byField": column, "mode": "outer"}},
        {"id": "filterFieldsByName", "options": {"include": {"names": [column, *renamed]}}},
        {"id": "organize", "options": {"renameByName": renamed}},
        {"id": "sortBy", "options": {"sort": [{"field": names[0], "desc": False}]}},
    )
