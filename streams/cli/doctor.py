"""`tracker doctor`: the findings and the settings, as text or as JSON."""

import json
import os
import sys
from dataclasses import asdict
from typing import Final

import typer

from streams.cli.options import AsJson
from streams.cli.paint import Paint
from streams.doctor import Finding, examine, verdict
from streams.errors import ExitCode
from streams.settings.settings import Settings, read, reference

COLOURS: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    *,
    as_json: AsJson = False,
    as_env: bool = typer.Option(False, "--reference-env", help="Print every setting, explained, as an env file."),
) -> int:
    """Check this installation; each finding has a remedy.

    Checks versions, journeys, Kafka, topics and Redis, and prints the settings in force without their secrets.

    Exit codes: 0 when there are at most warnings, else the code of the first problem.

    Examples:
      tracker doctor
      tracker doctor --json
      tracker doctor --reference-env > my.env
    """
    if as_env:
        print(reference(), end="")
        return ExitCode.OK
    settings = read(os.environ)
    findings = []
    for finding in examine(settings, os.environ):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print(json.dumps({"findings": [asdict(each) for each in findings], "settings": _shown(settings)}, indent=2))
    else:
        _print_settings(settings)
    return verdict(findings)


def _print(finding: Finding) -> None:
    state = Paint(sys.stdout)(COLOURS[finding.state], f"{finding.state:8}")
    indented = finding.message.replace("\n", "\n" + " " * 19)
    print(f"{state} {finding.area:9} {indented}", flush=True)
    if finding.remedy:
        print(" " * 19 + "→ " + finding.remedy.replace("\n", "\n" + " " * 21), flush=True)


def _shown(settings: Settings) -> dict[str, str]:
    return {setting.variable: shown for setting, shown in settings.shown()}


def _print_settings(settings: Settings) -> None:
    print("\nSettings in force (unset ones left out):")
    for variable, shown in _shown(settings).items():
        if shown:
            print(f"  {variable}={shown}")
