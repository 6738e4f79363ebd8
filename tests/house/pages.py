"""The pages that are made from the code, and their making: `python -m tests.house.pages` writes them."""

import ast
import inspect
import json
import tomllib
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from streams.cli.commands import available, load
from streams.collector import openapi
from streams.collector.metrics import SERIES
from streams.errors import ExitCode
from streams.exporter.series import EXPORTED
from streams.process.series import CANARY, PIPELINE
from streams.settings import settings
from streams.wire import asyncapi
from streams.wire import page as wire_page
from streams.wire import schema as wire_schema
from tracker.journey import schema as journey_schema
from tracker.journey.file import load as load_journey
from tracker.maps.grid import journey_map
from tracker.maps.picture import to_svg

ROOT = Path(__file__).parents[2]
WIDTH = 100


def help_texts() -> Iterator[tuple[str, str]]:
    """Every command and sub-command with its `--help`."""
    for path, command in commands():
        sizes = {"terminal_width": WIDTH, "max_content_width": WIDTH}
        yield path, command.get_help(command.make_context(path, [], resilient_parsing=True, **sizes)).strip()


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and sub-command with the words that call it."""
    for command in available():
        yield from _with_children(load(command), f"tracker {command.name}")


def _with_children(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _with_children(child, f"{path} {name}")


def cli_page() -> str:
    """docs/cli.md."""
    parts = ["# The command line\n\nMade from `--help` by `make docs`; a test holds it in step.\n"]
    parts += [f"\n## `{path}`\n\n```text\n{said}\n```\n" for path, said in help_texts()]
    parts.append("\n## Exit codes\n\n| code | name | meaning |\n|---|---|---|\n")
    meanings = _meanings()
    parts += [f"| {code.value} | {code.name} | {meanings.get(code.name, '')} |\n" for code in ExitCode]
    return "".join(parts)


def _meanings() -> dict[str, str]:
    """The sentence under each exit code in its source."""
    lines = [line.strip() for line in inspect.getsource(ExitCode).splitlines()]
    pairs = pairwise(lines)
    return {
        line.split(" = ")[0]: below.strip('"') for line, below in pairs if " = " in line and below.startswith('"""')
    }


def journeys_page() -> str:
    """docs/journeys.md: written by hand, with the reference of all keys at its end."""
    heading = "\n## All keys\n\n"
    written = (ROOT / "docs" / "journeys.md").read_text(encoding="utf-8").partition(heading)[0]
    return f"{written}{heading}{journey_schema.reference()}"


def architecture_page() -> str:
    """docs/architecture.md: written by hand, with the rooms of the import contracts at its end."""
    heading = "\n## The rooms\n\n"
    written = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition(heading)[0]
    rows = (f"| {level} | `{path}` | {purpose} |\n" for level, path, purpose in _rooms())
    return f"{written}{heading}{ROOMS}{_picture()}{ROOMS_TABLE}{''.join(rows)}"


ROOMS = """Made by `make docs` from the layers in `pyproject.toml` and the first line of each room; a test checks it.
A room may import the rooms below it. Rooms beside each other do not import each other.

"""
ROOMS_TABLE = """
Level 1 is the lowest row of a floor.

| level | room | what lives there |
|---|---|---|
"""


def _layers() -> dict[str, list[str]]:
    """By package, the layers of its import contract from the top down; rooms of one layer are joined by ` | `."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    return {contract["containers"][0]: contract["layers"] for contract in contracts if "containers" in contract}


def _picture() -> str:
    """The three floors as boxes, each with its rooms level by level."""
    floors = {package: _layers()[package] for package in ("streams", "tracker")} | {"schemas": ["what travels"]}
    inside = max(len(layer) for layers in floors.values() for layer in layers) + 2
    lines = []
    for package, layers in floors.items():
        lines.append("┌" + f" {package} ".center(inside, "─") + "┐")
        lines += ["│" + layer.center(inside) + "│" for layer in layers]
        lines.append("└" + "─" * inside + "┘")
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _rooms() -> Iterator[tuple[int, str, str]]:
    """Level (1 is the lowest), path and purpose of each room, the highest level of each package first."""
    layers = _layers()
    for package in sorted(layers):
        for level, layer in zip(range(len(layers[package]), 0, -1), layers[package], strict=True):
            for room in layer.split(" | "):
                yield level, *_path_and_purpose(f"{package}/{room}")


def _path_and_purpose(room: str) -> tuple[str, str]:
    """The path of a room, which is a folder or a single file, and the first line of its docstring."""
    is_folder = (ROOT / room).is_dir()
    source = ROOT / (f"{room}/__init__.py" if is_folder else f"{room}.py")
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return (room if is_folder else f"{room}.py"), docstring.partition("\n")[0]


def journey_json_schema() -> str:
    """What editors know of journey files."""
    return json.dumps(journey_schema.document(), indent=2, ensure_ascii=False) + "\n"


def touchpoints_page() -> str:
    """docs/touchpoints.md: written by hand, with the reference of all fields at its end."""
    heading = "\n## All fields\n\n"
    written = (ROOT / "docs" / "touchpoints.md").read_text(encoding="utf-8").partition(heading)[0]
    return f"{written}{heading}{wire_page.reference()}"


def wire_json_schema(name: str) -> str:
    """What producers and consumers know of one kind of message."""
    return json.dumps(wire_schema.document(name), indent=2, ensure_ascii=False) + "\n"


def asyncapi_document() -> str:
    """Topics, keys and messages for AsyncAPI's tools."""
    return yaml.safe_dump(asyncapi.document(), sort_keys=False, allow_unicode=True, width=110)


def openapi_document() -> str:
    """The collector's paths for OpenAPI's tools."""
    return json.dumps(openapi.document(), indent=2, ensure_ascii=False) + "\n"


def journey_picture() -> str:
    """The map of the seven stages."""
    return to_svg(journey_map(load_journey(settings.packaged_journeys() / "seven-stages.yaml")))


METRICS = """# The metrics

Made from the tables in `streams/process/series.py` and `streams/exporter/series.py` by `make docs`; a test holds it in
step, and others that both processes serve exactly these, that each is looked at by a rule or a dashboard, and that
`promtool` finds no fault in their names. Label values come from the journey files and other closed sets, never from
touchpoints: what is not declared is `other`.

The unit is the last word of a name: seconds, records, or else a count of customers (of instances, where a journey has a
`key`). Times since 1970 end in `_time_seconds`.

**Which number is the conversion?** `tracker_cohort_reached / tracker_cohort_customers`: of the customers who began on
28 UTC days, the share that reached the stage within `days` days (1, 7 or 28) of their own beginning. With
`cohort="mature"` these are the newest days for whose customers that time has passed, and the share will not rise any
more. With `cohort="recent"` they are the last 28 days, today included; `tracker_cohort_matured` says for how many of
them the time has passed, and the others may yet convert. `tracker_stage_reached` and `tracker_segment_reached` count
everybody since the beginning.
Differences such as `tracker_stage_visits - tracker_stage_visits offset 1h` are flows: they say what is happening, and
their quotient is no conversion, since those who enter and those who move on are not the same people.

**Why no `_total`?** A correction, a merge or an erasure takes back what was counted, and Prometheus would read a
counter that falls as one that began again. Each worker counts what happened to customers as it reports it, in
`tracker_transitions_total`: entries, moves, drop-offs, recoveries, completions, exits, corrections. See
`docs/decisions/0040-funnel-figures-are-gauges.md`.

**Feedback.** `tracker_feedback_customers` counts customers by their latest answer of each kind, so the sum over `score`
is n. NPS (0 to 10) is the share of 9 and 10 less that of 0 to 6, CSAT (1 to 5) the share of 4 and 5, CES (1 to 7) the
share of 5 to 7; the dashboard *Journey health* computes them. Which touchpoints are answers is said by `feedback:` in
the journey file.
"""


def metrics_page() -> str:
    """docs/metrics.md."""
    parts = [METRICS]
    for title, where, table in (
        ("The funnel", "`tracker exporter` serves these, from one reading of Redis.", EXPORTED),
        ("The pipeline", "Each worker process serves these about its own work.", PIPELINE),
        ("The collector", "Each collector process serves these, at COLLECTOR_METRICS_PORT and the next ones.", SERIES),
        ("The canary", "`tracker canary` serves these; no journey counts its touchpoints.", CANARY),
    ):
        parts.append(f"\n## {title}\n\n{where}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n")
        parts += [
            f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |\n"
            for one in table
        ]
    return "".join(parts)


PAGES = {
    "docs/architecture.md": architecture_page,
    "docs/cli.md": cli_page,
    "docs/journeys.md": journeys_page,
    "docs/metrics.md": metrics_page,
    "docs/pictures/seven-stages.svg": journey_picture,
    "docs/touchpoints.md": touchpoints_page,
    "schemas/published/asyncapi.yaml": asyncapi_document,
    "schemas/published/journey.schema.json": journey_json_schema,
    "schemas/published/openapi.json": openapi_document,
    **{f"schemas/published/{name}.schema.json": partial(wire_json_schema, name) for name in wire_schema.MESSAGES},
    "deploy/env/reference.env": settings.reference,
}


def write() -> None:
    """Write every page that is not in step."""
    for path, make in PAGES.items():
        (ROOT / path).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write()
