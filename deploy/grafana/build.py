"""The dashboards: `python deploy/grafana/build.py` writes deploy/grafana/dashboards/*.json; a test holds them in step.

It makes Grafana's JSON from the tables in boards.py, and one dashboard from the runbooks in deploy/runbooks.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from boards import ALERTS, FUNNEL, HEALTH, PIPELINE  # noqa: E402
from panels import SOURCE, Board, Panel  # noqa: E402

RUNBOOKS: Final = HERE.parent / "runbooks"
WIDTH: Final = 24
CHANGED: Final = {
    "name": "Definition changed",
    "datasource": SOURCE,
    "enable": True,
    "iconColor": "purple",
    "expr": "max by (journey) (tracker_definition_changed_time_seconds) * 1000",
    "useValueForTime": True,
    "titleFormat": "{{journey}} is counted by another definition",
}
"""A mark in every panel at the moment at which what a journey counts was changed."""
GREEN: Final = {"color": "green", "value": None}


def runbooks() -> Board:
    """Every page of deploy/runbooks, one below the other."""
    pages = sorted(path for path in RUNBOOKS.glob("*.md") if path.stem != "README")
    return Board(
        "journey-runbooks",
        "Runbooks",
        tuple(
            Panel(path.stem, "text", width=12, height=14,
                  options={"mode": "markdown", "content": path.read_text(encoding="utf-8")})
            for path in pages
        ),
    )  # fmt: skip


def boards() -> tuple[Board, ...]:
    """All dashboards."""
    return (FUNNEL, HEALTH, PIPELINE, ALERTS, runbooks())


def document(board: Board) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["journeys"],
        "schemaVersion": 41,
        "editable": False,
        "refresh": "10s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["journeys"], "title": "Journeys", "keepTime": True}],
        "annotations": {"list": [CHANGED]},
        "templating": {"list": list(board.variables)},
        "panels": list(_placed(board.panels)),
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """The panels side by side, a new row where the next does not fit."""
    placed, x, y, row = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y, row = 0, y + row, 0
        placed.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, row = x + panel.width, max(row, panel.height)
    return placed


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps = [GREEN, *({"color": color, "value": value} for color, value in panel.thresholds)]
    custom = {"cellOptions": {"type": panel.cell}} if panel.cell else {}
    found = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "gridPos": place,
        "options": {**_options(panel), **panel.options},
    }
    if panel.kind == "text":
        return found
    return found | {
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "custom": custom},
            "overrides": _shares(panel),
        },
        "targets": [_target(panel, place, *query) for place, query in enumerate(panel.queries)],
        "transformations": list(panel.transformations),
    }


def _shares(panel: Panel) -> list[dict[str, Any]]:
    """Columns of a table that are shares, in percent."""
    return [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": "percentunit"}]}
        for name in ("conversion", "drop-off share")
        if panel.kind == "table" and name in json.dumps(panel.transformations)
    ]


def _is_table(panel: Panel) -> bool:
    """Whether the answers are needed as table rows: for tables, and for bars that are sorted."""
    return panel.kind == "table" or bool(panel.kind == "bargauge" and panel.transformations)


def _options(panel: Panel) -> dict[str, Any]:
    reduce: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if _is_table(panel):
        # One bar for each row, named by the text fields of the row.
        reduce = {"reduceOptions": {"calcs": [], "fields": "/^Value$/", "values": True}}
    return {
        "stat": {**reduce, "colorMode": "value", "graphMode": "area", "textMode": "auto"},
        "bargauge": {**reduce, "orientation": "horizontal", "displayMode": "gradient", "showUnfilled": True},
        "timeseries": {"legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]}},
    }.get(panel.kind, {})


def _target(panel: Panel, place: int, query: str, legend: str) -> dict[str, Any]:
    target = {"refId": chr(65 + place), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto"}
    return target | ({"instant": True, "range": False} if panel.instant else {"range": True}) | (
        {"format": "table"} if _is_table(panel) else {}
    )  # fmt: skip


def files() -> dict[Path, str]:
    """Each file with its content."""
    return {
        HERE / "dashboards" / f"{board.uid}.json": json.dumps(document(board), indent=1, ensure_ascii=False) + "\n"
        for board in boards()
    }


def write() -> None:
    """Write them all."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
