"""A preview of a dashboard as one HTML page, drawn from the answers of a Prometheus, without Grafana.

    python deploy/grafana/preview.py http://127.0.0.1:9090 journey-funnel journey=seven_stages > funnel.html

It sends the queries of deploy/grafana/dashboards, with the variables as given or as Grafana would choose them.
Bars, tables and lines are simple: the page shows whether a panel has data, not how Grafana draws it.
"""

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from html import escape
from math import isnan
from pathlib import Path
from typing import Any, Final

BOARDS: Final = Path(__file__).resolve().parent / "dashboards"
STYLE: Final = """
body{background:#111217;color:#ccccdc;font:13px/1.35 sans-serif;margin:12px}
main{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:38px;gap:8px}
section{background:#181b1f;border:1px solid #2c3235;padding:8px;overflow:hidden}
h1{font-size:18px;font-weight:500}h2{font-size:12px;font-weight:500;margin:0 0 6px;color:#e0e0ea}
.big{font-size:30px;color:#73bf69}.none{color:#f2495c}.legend{font-size:11px;color:#9fa7b3}
.bar{display:grid;grid-template-columns:38% 1fr 6em;gap:6px;align-items:center;margin:2px 0}
.bar i{display:block;height:13px;background:#3274d9}.bar b{font-weight:500;text-align:right}
table{border-collapse:collapse;width:100%}td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #2c3235}
td:first-child,th:first-child{text-align:left}
"""
LINES: Final = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d")
SPAN_S: Final = 15 * 60
POINTS: Final = 180

Row = dict[str, Any]
Ask = Callable[[str, bool], list[Row]]


def seconds(value: float) -> str:
    """Seconds in a readable unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1000:.3g} ms"


UNITS: Final[dict[str, Callable[[float], str]]] = {
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "s": seconds,
    "bool_yes_no": lambda value: "yes" if value else "no",
    "cps": lambda value: f"{value:,.3g}/s",
    "short": lambda value: f"{value:,.5g}",
}


def asker(url: str) -> Ask:
    """A function that queries Prometheus: for the present, or for the last quarter of an hour."""

    def ask(query: str, over_time: bool) -> list[Row]:
        now = time.time()
        more = {"start": now - SPAN_S, "end": now, "step": SPAN_S / POINTS} if over_time else {"time": now}
        page = f"{url}/api/v1/query{'_range' if over_time else ''}?{urllib.parse.urlencode({'query': query, **more})}"
        with urllib.request.urlopen(page, timeout=30) as answer:  # noqa: S310  # the address that was given
            found: list[Row] = json.load(answer)["data"]["result"]
            return found

    return ask


def variables(board: Row, given: dict[str, str], ask: Ask) -> dict[str, str]:
    """The value of each variable: as given, else the first one."""
    chosen = dict(given)
    for one in board["templating"]["list"]:
        if one["name"] not in chosen:
            options = [each["value"] for each in one.get("options", ())]
            if not options and (found := re.search(r"\((.*), (\w+)\)", one["query"])):
                answers = ask(filled(found[1], chosen), False)
                options = sorted({each["metric"].get(found[2], "") for each in answers})
            chosen[one["name"]] = options[0] if options else ""
    return chosen


def filled(text: str, chosen: dict[str, str]) -> str:
    """A text with its variables replaced by their values."""
    return re.sub(r"\$(\w+)", lambda found: chosen.get(found[1], found[0]), text)


def legend(target: Row, metric: dict[str, str]) -> str:
    """The legend that Grafana writes beside a value."""
    pattern = target.get("legendFormat", "").replace("__auto", "")
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: metric.get(found[1], ""), pattern)
    return text if text.strip() else " ".join(metric.values())


def number(row: Row) -> float:
    """The value of an answer for the present."""
    return float(row["value"][1])


def stat(_: Row, answers: list[tuple[Row, list[Row]]], show: Callable[[float], str]) -> str:
    """The values in large type."""
    values = [
        f"<span class=big>{show(number(row))}</span> <span class=legend>{escape(legend(target, row['metric']))}</span>"
        for target, rows in answers
        for row in rows
    ]
    return " ".join(values)


def in_order(panel: Row, rows: list[Row]) -> list[Row]:
    """The rows as the panel sorts them first."""
    field = next((each["options"]["sort"][0]["field"] for each in panel.get("transformations", ())
                  if each["id"] == "sortBy"), "")  # fmt: skip
    return sorted(rows, key=lambda row: row["metric"].get(field, "")) if field else rows


def bargauge(panel: Row, answers: list[tuple[Row, list[Row]]], show: Callable[[float], str]) -> str:
    """A bar for each value."""
    bars = [(legend(one, row["metric"]), number(row)) for one, rows in answers for row in in_order(panel, rows)]
    top = max([value for _, value in bars if not isnan(value)], default=0) or 1
    return "".join(
        f"<div class=bar><span>{escape(name)}</span>"
        f'<i style="width:{0 if isnan(value) else 100 * max(value, 0) / top:.1f}%"></i><b>{show(value)}</b></div>'
        for name, value in bars
    )


def table(panel: Row, answers: list[tuple[Row, list[Row]]], show: Callable[[float], str]) -> str:
    """Rows by one label; the columns are another label's values, or the queries."""
    options = {each["id"]: each["options"] for each in panel.get("transformations", ())}
    cells: dict[str, dict[str, float]] = {}
    shares = {each["matcher"]["options"] for each in panel.get("fieldConfig", {}).get("overrides", ())}
    if matrix := options.get("groupingToMatrix"):
        for _, rows in answers:
            for row in in_order(panel, rows):
                labels = row["metric"]
                cells.setdefault(labels[matrix["rowField"]], {})[labels[matrix["columnField"]]] = number(row)
        columns = list(dict.fromkeys(name for of in cells.values() for name in of))
        if matrix["rowField"] != "stage":
            cells = dict(sorted(cells.items()))
    elif joined := options.get("joinByField"):
        names = options["organize"]["renameByName"]
        columns = [names[f"Value #{chr(65 + place)}"] for place in range(len(answers))]
        for column, (_, rows) in zip(columns, answers, strict=True):
            for row in rows:
                cells.setdefault(row["metric"][joined["byField"]], {})[column] = number(row)
        cells = dict(sorted(cells.items(), key=lambda one: one[1].get(columns[0], 0)))
    else:
        columns = ["value"]
        cells = {" ".join(row["metric"].values()): {"value": number(row)} for _, rows in answers for row in rows}
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *columns))
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(
            f"<td>{(UNITS['percentunit'] if column in shares else show)(of[column]) if column in of else '·'}</td>"
            for column in columns
        )
        for name, of in cells.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>" if cells else ""


def timeseries(_: Row, answers: list[tuple[Row, list[Row]]], show: Callable[[float], str]) -> str:
    """A line for each answer, with its last value."""
    lines = [
        (legend(target, row["metric"]), [(at, float(value)) for at, value in row["values"] if value not in ODD])
        for target, rows in answers
        for row in rows
    ]
    lines = [(name, points) for name, points in lines if points]
    if not lines:
        return ""
    low = min(0, *(value for _, points in lines for _, value in points))
    high = max(value for _, points in lines for _, value in points)
    begin = time.time() - SPAN_S

    def place(at: float, value: float) -> str:
        return f"{600 * (at - begin) / SPAN_S:.1f},{100 - 96 * (value - low) / ((high - low) or 1):.1f}"

    drawn = "".join(
        f'<polyline fill=none stroke="{LINES[which % len(LINES)]}" stroke-width=1.5 vector-effect=non-scaling-stroke '
        f'points="{" ".join(place(at, value) for at, value in points)}"/>'
        for which, (_, points) in enumerate(lines)
    )
    names = " · ".join(
        f'<span style="color:{LINES[which % len(LINES)]}">{escape(name) or "value"}</span> {show(points[-1][1])}'
        for which, (name, points) in enumerate(lines)
    )
    return (
        f'<svg viewBox="0 0 600 100" preserveAspectRatio=none style="width:100%;height:65%">{drawn}</svg>'
        f"<div class=legend>0 to {show(high)} in {SPAN_S // 60} min: {names}</div>"
    )


ODD: Final = {"NaN", "+Inf", "-Inf"}
KINDS: Final = {"stat": stat, "bargauge": bargauge, "table": table, "timeseries": timeseries}


def page(board: Row, chosen: dict[str, str], ask: Ask) -> str:
    """The whole dashboard."""
    parts = []
    for panel in board["panels"]:
        at = panel["gridPos"]
        show = UNITS.get(panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short"), UNITS["short"])
        over_time = panel["type"] == "timeseries"
        answers = [(one, ask(filled(one["expr"], chosen), over_time)) for one in panel.get("targets", ())]
        drawn = KINDS[panel["type"]](panel, answers, show) if panel["type"] in KINDS else ""
        parts.append(
            f'<section style="grid-column:{at["x"] + 1}/span {at["w"]};grid-row:{at["y"] + 1}/span {at["h"]}">'
            f"<h2>{escape(filled(panel['title'], chosen))}</h2>{drawn or '<span class=none>no data</span>'}</section>"
        )
    said = ", ".join(f"{name} = {value}" for name, value in chosen.items())
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
        f"<h1>{escape(board['title'])} <span class=legend>{escape(said)}</span></h1><main>{''.join(parts)}</main>"
    )


def main(url: str, uid: str, *given: str) -> None:
    """Print the page."""
    board = json.loads((BOARDS / f"{uid}.json").read_text(encoding="utf-8"))
    ask = asker(url.rstrip("/"))
    print(page(board, variables(board, dict(each.split("=", 1) for each in given), ask), ask))


if __name__ == "__main__":
    main(*sys.argv[1:])
