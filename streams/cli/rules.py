"""`tracker rules`: the thresholds of journey files as rules for Prometheus.

`tracker/alerts/thresholds.py` makes the rules.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.check import journey_files
from streams.cli.options import require_apart
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
            metavar="DEFINITION", help="Journey files, or folders of them. Left out: those of TRACKER_JOURNEYS."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write. Left out: print it.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write nothing; exit with 1 when FILE differs from the rules."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the thresholds of each stage as JSON instead.")
    ] = False,
) -> int:
    """Write Prometheus rules from the alerts in journey files.

    Give all journeys that run. The rules hold the thresholds that `alerts:` of a journey or of a stage sets; stages
    that set none have the defaults. Prometheus reads the file beside its other rules, after a reload. The store is not
    asked: `tracker doctor` says where TRACKER_JOURNEYS differs from what it counts.

    Exit codes: 1 when --check finds a difference, 2 when a journey file has problems.

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
        require_apart("-o", output, *map(Path, journey_files(definitions) if definitions else ()))
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
                "Give only the one that runs.",
            )
        files[definition.journey] = file
        journeys.append(definition)
    return list(with_accounts(journeys))


def compare(file: Path, made: str) -> ExitCode:
    """FAILED, with a line on stderr, where the file differs from the rules."""
    try:
        found = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrackerError(f"{file} cannot be read: {error}.", "Check the path.", ExitCode.NOT_FOUND) from error
    if found == made:
        return ExitCode.OK
    print(f"{file} differs from the rules of the journey files; write it again with -o.", file=sys.stderr)
    return ExitCode.FAILED


def write(output: Path, made: str) -> None:
    """Write the rules in one step, so that Prometheus never reads half of them."""
    beside = output.with_name(f".{output.name}.new")
    try:
        beside.write_text(made, encoding="utf-8")
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise TrackerError(f"{output} cannot be written: {error.strerror}.", "Name another file with -o.") from error
