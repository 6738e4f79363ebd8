"""`tracker rules`: the thresholds of journey files as rules for Prometheus.

What the rules say is tracker/alerts/thresholds.py's.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.check import journey_files
from streams.errors import ExitCode, TrackerError, UsageError
from streams.settings.definitions import load_journeys
from streams.settings.settings import read
from tracker.alerts.thresholds import as_data, as_yaml
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.file import load


def rules(
    definitions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DEFINITION", help="Journey files, or folders of them. Left out: those that the settings name."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write. Left out: print it.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write nothing; exit code 1 where FILE is not what would be written."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The thresholds of each stage as JSON instead.")] = False,
) -> int:
    """Make Prometheus rules of the alerts in journey files.

    Name all journeys that run: the rules say what each of their stages asks of an alert, in `alerts:` of the journey or
    of the stage. Stages that ask for nothing have the defaults. Prometheus reads the file beside the other rules, after
    a reload. The exit code is 2 when a journey file has problems.

    Examples:
      tracker rules journeys/ -o deploy/prometheus/rules/thresholds.yaml
      tracker rules journeys/ --check deploy/prometheus/rules/thresholds.yaml
      tracker rules my-journey.yaml --json
    """
    journeys = named(definitions or [])
    if as_json:
        print(json.dumps(as_data(journeys), indent=2, ensure_ascii=False))
        return ExitCode.OK
    made = as_yaml(journeys)
    if check is not None:
        return compare(check, made)
    if output is None:
        print(made, end="")
    else:
        write(output, made)
        print(f"{output}", file=sys.stderr)
    return ExitCode.OK


def named(definitions: list[str]) -> list[Definition]:
    """The journeys of the files; raises UsageError where two have one name."""
    if not definitions:
        return list(load_journeys(read(os.environ)))
    files: dict[str, str] = {}
    journeys = []
    for file in journey_files(definitions):
        definition = load(file)
        if definition.journey in files:
            raise UsageError(
                f"{files[definition.journey]} and {file} are both the journey {definition.journey!r}.",
                "Name the version that runs.",
            )
        files[definition.journey] = file
        journeys.append(definition)
    return list(with_accounts(journeys))


def compare(file: Path, made: str) -> ExitCode:
    """FAILED, with a line, where the file holds something else."""
    try:
        found = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrackerError(f"{file} cannot be read: {error}.", "Check the path.", ExitCode.NOT_FOUND) from error
    if found == made:
        return ExitCode.OK
    print(f"{file} is not what the journey files say; write it with -o.", file=sys.stderr)
    return ExitCode.FAILED


def write(output: Path, made: str) -> None:
    """Writes the rules in one step: Prometheus never reads half of them."""
    beside = output.with_name(f".{output.name}.new")
    try:
        beside.write_text(made, encoding="utf-8")
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise TrackerError(f"{output} cannot be written: {error.strerror}.", "Name another file with -o.") from error
