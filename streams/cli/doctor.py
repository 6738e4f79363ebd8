"""`tracker doctor`: the findings, worst first, as text or as JSON."""

import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from streams.cli.options import AsJson
from streams.cli.paint import Paint
from streams.cli.progress import progress
from streams.doctor.examination import CHECKS, examine
from streams.doctor.finding import WORST_FIRST, Finding, Inquiry, State, verdict, worst_first
from streams.errors import ExitCode
from streams.settings.settings import Settings, read, reference

COLOURS: Final = {"problem": "red", "warning": "yellow", "unknown": "yellow", "remark": "blue", "ok": "green"}
COUNTED: Final[dict[State, tuple[str, str]]] = {
    "problem": ("problem", "problems"),
    "warning": ("warning", "warnings"),
    "unknown": ("thing that could not be asked", "things that could not be asked"),
    "remark": ("remark", "remarks"),
}
STATE_WIDTH: Final = 8
AREA_WIDTH: Final = 12
NARROWEST: Final = 40


def doctor(
    *,
    as_json: AsJson = False,
    with_settings: Annotated[
        bool, typer.Option("--settings", help="Show the settings in force too, and all versions.")
    ] = False,
    exporter: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where the exporter listens. Left out: as the settings say."),
    ] = None,
    canary: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the canary listens. Left out: as the settings say.")
    ] = None,
    look: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.5, max=60, help="Time between the two looks at what waits.")
    ] = 3.0,
    as_env: bool = typer.Option(False, "--reference-env", help="Print every setting, explained, as an env file."),
) -> int:
    """Check this installation; each finding has a remedy.

    Looks at what is installed (versions, journeys, Kafka, topics, Redis) and at what runs: members of the consumer
    group and partitions that nobody owns or looks after, records that wait and whether they become fewer, restarts,
    the exporter and the age of its figures, the canary's round trip, the collector. The worst finding comes first. What
    could not be asked is `unknown`, never `ok`. Where records wait and none is applied, it looks for up to 12 seconds.

    Exit codes: 0 when there is no problem, else that of the first problem: 12 (STALLED) when nobody applies
    touchpoints, 8 (MISMATCH) for what differs from what is needed, 4 (UNREACHABLE) and 5 (DENIED) for servers, 3
    (CONFIGURATION), 1 (FAILED) for an exporter that is not ready.

    Examples:
      tracker doctor
      tracker doctor --json
      tracker doctor --exporter exporter:9464 --canary canary:9463
      tracker doctor --settings
      tracker doctor --reference-env > my.env
    """
    if as_env:
        print(reference(), end="")
        return ExitCode.OK
    settings = read(os.environ)
    named = frozenset(name for name, value in os.environ.items() if value)
    inquiry = Inquiry(settings, exporter, canary, look, in_full=with_settings, named=named)
    with progress("Looking", len(CHECKS)) as advance:
        findings = worst_first(examine(inquiry, os.environ, lambda _area: advance(1)))
    code = verdict(findings)
    if as_json:
        shown = {"settings": _shown(settings)} if with_settings else {}
        result = {"exit_code": code, "exit_name": code.name, "findings": [asdict(each) for each in findings]}
        print(json.dumps(result | shown, indent=2))
        return code
    print(headline(findings))
    for state in WORST_FIRST:
        those = [finding for finding in findings if finding.state == state]
        if those:
            print()
        for finding in those:
            _print(finding)
    if with_settings:
        _print_settings(settings)
    return code


def headline(findings: Sequence[Finding]) -> str:
    """How many findings there are of each kind."""
    paint = Paint(sys.stdout)
    counts = Counter(finding.state for finding in findings)
    said = [f"{counts[state]} {one if counts[state] == 1 else many}" for state, (one, many) in COUNTED.items()
            if counts[state]]  # fmt: skip
    if counts["problem"]:
        return paint("red", ", ".join(said) + ".")
    if counts["warning"]:
        return paint("yellow", "No problem; " + ", ".join(said) + ".")
    return paint("green", "All is well" + "".join(f"; {each}" for each in said) + ".")


def _print(finding: Finding) -> None:
    paint = Paint(sys.stdout)
    indent = " " * (STATE_WIDTH + AREA_WIDTH + 2)
    head = f"{finding.state:{STATE_WIDTH}} {finding.area:{AREA_WIDTH}} "
    lines = _wrapped(finding.message, indent)
    print(paint(COLOURS[finding.state], head[:STATE_WIDTH]) + head[STATE_WIDTH:] + lines[0][len(indent) :])
    for line in lines[1:]:
        print(line)
    for number, line in enumerate(_wrapped(finding.remedy, indent + "  ") if finding.remedy else ()):
        print(line if number else f"{indent}→ {line[len(indent) + 2 :]}")


def _wrapped(text: str, indent: str) -> list[str]:
    """The text in lines that fit the terminal. In a pipe lines stay whole, for `grep`."""
    if not sys.stdout.isatty():
        return [indent + line for line in text.splitlines()]
    wrapper = textwrap.TextWrapper(
        max(shutil.get_terminal_size().columns, NARROWEST),
        indent,
        indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [piece for line in text.splitlines() for piece in wrapper.wrap(line)]


def _shown(settings: Settings) -> dict[str, str]:
    return {setting.variable: shown for setting, shown in settings.shown()}


def _print_settings(settings: Settings) -> None:
    print("\nSettings in force (unset ones left out):")
    for variable, shown in _shown(settings).items():
        if shown:
            print(f"  {variable}={shown}")
