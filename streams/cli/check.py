"""`tracker check`: what is wrong with journey files, and whether their examples hold.

It prints problems; `tracker/journey/file.py` and `tracker/replay/rehearsal.py` find them.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from streams.cli.against import Foresight, foresee
from streams.cli.against import as_data as against_data
from streams.cli.against import as_lines as against_lines
from streams.cli.event_input import EventInput, Form, Maps, Sources, is_events, tell
from streams.cli.meeting import Meeting
from streams.cli.options import AsJson
from streams.cli.paint import Paint
from streams.cli.replay import say_what_was_rejected
from streams.definitions.apply import read_files
from streams.errors import ExitCode, UsageError
from streams.events.files import ReadTally
from streams.settings import settings
from tracker.journey.definition import Definition
from tracker.journey.file import read_bytes, read_file
from tracker.journey.schema import document, reference
from tracker.problem import Problem
from tracker.replay.rehearsal import Outcome, rehearse
from tracker.yaml_tree import MAX_BYTES

SHORTEST_MARGIN = 4
WIDEST = 110


@dataclass(slots=True)
class CheckReport:
    """What was found in one file."""

    file: str
    definition: Definition | None
    problems: list[Problem]
    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, severity: str) -> int:
        """How many problems there are of one severity."""
        return sum(each.severity == severity for each in self.problems)

    @property
    def failed(self) -> list[Outcome]:
        """The examples that do not hold."""
        return [each for each in self.outcomes if each.misses]


class _Check(TyperCommand):
    """A command whose option --against may come without its value, which Typer does not know."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's, after an empty value is set where no address follows --against."""
        words: list[str] = []
        for word, following in zip_longest(args, args[1:], fillvalue=""):
            words.append(word)
            if word == "--against" and "://" not in following and not is_events(following):
                words.append("")
        return super().parse_args(ctx, words)


app = typer.Typer()


@app.command(cls=_Check)
def check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Journey files, folders of them, or - for stdin.")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option(help="Count warnings as problems.")] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="[REDIS_URL|FILE]",
            help="Also say what applying the files would mean for this store (without a value, that of REDIS_URL), or "
            "what of a file of touchpoints meets their rules.",
        ),
    ] = None,
    maps: Maps = None,
    sources: Sources = None,
    form: Form = None,
    as_json: AsJson = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of journey files instead.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Print all keys of journey files instead.")] = False,
) -> int:
    """Check journey files and run their examples.

    Each problem is printed with its line and column, the line itself, and a remedy.

    With --against nothing is applied. Each difference from the store's definition is printed with what it asks for:
    nothing, a fold of the stored states and how long it takes, or history from Kafka, how long that takes, and whether
    Kafka still holds enough. Of Redis the password is read from REDIS_PASSWORD alone.

    With --against FILE (.jsonl, or an export with --map) each type of touchpoint that meets no rule is named with its
    count, and each stage that none meets.

    Exit codes: 0 when there are at most warnings, 1 when an example fails or --against finds that a file would be
    refused, 2 when a file has problems.

    Examples:
      tracker check my-journey.yaml
      tracker check --strict journeys/
      tracker check my-journey.yaml --against
      tracker check my-journey.yaml --against redis://redis.example:6379 --json
      tracker check my-journey.yaml --against orders.csv --map examples/imports/orders.yaml
      tracker check --schema > journey.schema.json
    """
    if schema:
        print(json.dumps(document(), indent=2, ensure_ascii=False))
        return ExitCode.OK
    if keys:
        print(reference(), end="")
        return ExitCode.OK
    asked = settings.read(os.environ)
    reports = [examine(file, asked.channels) for file in journey_files(files or [])]
    reading = EventInput([against], maps or (), sources or (), form) if against and is_events(against) else None
    if reading is None and (maps or sources or form):
        raise UsageError("--map, --source and --format are about a file of touchpoints.", "Add --against FILE.")
    meetings = meet(reports, reading) if reading else []
    foresight = None
    if reading is None and against is not None and all(report.definition for report in reports):
        foresight = foresee(asked, read_files([_path(report.file) for report in reports]), against)
    say(reports, foresight, meetings, strict=strict, as_json=as_json)
    code = exit_code(reports, strict=strict)
    return ExitCode.FAILED if code is ExitCode.OK and foresight and not foresight.is_taken else code


def say(
    reports: Sequence[CheckReport],
    foresight: Foresight | None,
    meetings: Sequence[Meeting],
    *,
    strict: bool,
    as_json: bool,
) -> None:
    """Print everything that was found."""
    if as_json:
        found = as_data(reports, strict=strict) | ({"against": against_data(foresight)} if foresight else {})
        met = {"met": [each.as_data() for each in meetings]} if meetings else {}
        print(json.dumps(found | met, indent=2, ensure_ascii=False))
        return
    paint = Paint(sys.stdout)
    for report in reports:
        show(report, paint)
    print(summary(reports, paint))
    if foresight:
        print("\n".join(against_lines(foresight)))
    for each in meetings:
        print("\n".join(each.as_lines()))


def meet(reports: Sequence[CheckReport], reading: EventInput) -> list[Meeting]:
    """What of the touchpoints meets the rules of each file that could be read."""
    meetings = [Meeting(report.file, report.definition) for report in reports if report.definition]
    files, tally = reading.mapped(), ReadTally()
    for touch in files.touches(tally, reading.span):
        for each in meetings:
            each.see(touch)
    tell(files)
    say_what_was_rejected(tally)
    return meetings


def _path(file: str) -> Path:
    if file == "-":
        raise UsageError("--against cannot be used with standard input.", "Name the file: a journey is named by it.")
    return Path(file)


def journey_files(files: Sequence[str]) -> list[str]:
    """The files, with each folder replaced by its journey files. Raises UsageError where there are none."""
    found: list[str] = []
    for file in files:
        inside = sorted(each for each in Path(file).glob("*.y*ml") if each.suffix in {".yaml", ".yml"})
        if Path(file).is_dir() and not inside:
            raise UsageError(f"{file} has no journey files.", "They end in .yaml or .yml; `tracker new` writes one.")
        found += [str(each) for each in inside] if Path(file).is_dir() else [file]
    if not found:
        raise UsageError("No journey file was given.", "Give one: `tracker check my-journey.yaml`.")
    return found


def examine(file: str, channels: Sequence[str]) -> CheckReport:
    """What one file holds: its problems and, where it can be loaded, the outcomes of its examples."""
    if file == "-":
        definition, problems = read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), "stdin", channels)
    else:
        definition, problems = read_file(file, channels)
    return CheckReport(file, definition, problems, rehearse(definition) if definition else [])


def exit_code(reports: Sequence[CheckReport], *, strict: bool) -> ExitCode:
    """OK, FAILED for an example, USAGE for a problem; the worst of all files."""
    if any(report.count("problem") or (strict and report.count("warning")) for report in reports):
        return ExitCode.USAGE
    return ExitCode.FAILED if any(report.failed for report in reports) else ExitCode.OK


def as_data(reports: Sequence[CheckReport], *, strict: bool) -> dict[str, Any]:
    """The reports as plain data."""
    return {
        "ok": exit_code(reports, strict=strict) is ExitCode.OK,
        "files": [
            {
                "file": report.file,
                "journey": report.definition.journey if report.definition else None,
                "version": report.definition.version if report.definition else None,
                "stages": [stage.name for stage in report.definition.stages] if report.definition else None,
                "problems": [asdict(each) for each in report.problems],
                "examples": [
                    {"line": each.line, "holds": not each.misses, "misses": [asdict(miss) for miss in each.misses]}
                    for each in report.outcomes
                ],
            }
            for report in reports
        ],
    }


def show(report: CheckReport, paint: Paint) -> None:
    """Print one file's problems and failed examples, or one line where it is good."""
    lines = _lines(report.file)
    for each in report.problems:
        print(described(report.file, each, lines, paint) + "\n")
    for outcome in report.failed:
        print(failure(report.file, outcome, paint) + "\n")
    if report.definition and not report.failed:
        definition = report.definition
        examples = _counted(len(report.outcomes), "example") + (" hold" if len(report.outcomes) != 1 else " holds")
        held = examples if report.outcomes else paint("yellow", "no examples")
        stages = _counted(len(definition.stages), "stage")
        print(f"{paint('green', 'good')}  {report.file}: {definition.journey} {definition.version}, {stages}, {held}")


def described(file: str, problem: Problem, lines: Sequence[str], paint: Paint) -> str:
    """A problem with the line it is on, a mark below the place, and the remedy."""
    colour = "red" if problem.severity == "problem" else "yellow"
    place = paint("bold", f"{file}:{problem.line}:{problem.column}")
    head = f"{place}: {paint(colour, problem.severity)}: {problem.message}"
    text = lines[problem.line - 1] if problem.line <= len(lines) else ""
    if not text.strip():
        return f"{head}\n     = {problem.remedy}"
    # A long line is cut before the place, so that the mark stays on the screen.
    cut = max(0, problem.column - 60) if len(text) > WIDEST else 0
    number = str(problem.line).rjust(SHORTEST_MARGIN)
    margin = " " * len(number)
    excerpt = "".join(mark if mark.isprintable() else " " for mark in text[cut : cut + WIDEST])
    return (
        f"{head}\n{paint('dim', f'{number} |')} {excerpt}\n"
        f"{paint('dim', f'{margin} |')} {' ' * (problem.column - 1 - cut)}{paint(colour, '^')}\n"
        f"{margin} = {problem.remedy}"
    )


def failure(file: str, outcome: Outcome, paint: Paint) -> str:
    """A failed example: what was expected and what was found, key by key."""
    place = paint("bold", f"{file}:{outcome.line}")
    rows = [f"{place}: {paint('red', 'example')} {outcome.number} does not hold"]
    width = max(len(miss.key) for miss in outcome.misses)
    for miss in outcome.misses:
        expected, found = paint("green", _words(miss.expected)), paint("red", _words(miss.found))
        rows.append(f"     {miss.key.ljust(width)}  expected {expected}, found {found}")
    return "\n".join(rows)


def summary(reports: Sequence[CheckReport], paint: Paint) -> str:
    """All files in one line."""
    counts = {
        "problem": sum(report.count("problem") for report in reports),
        "warning": sum(report.count("warning") for report in reports),
        "failed example": sum(len(report.failed) for report in reports),
    }
    found = [_counted(count, word) for word, count in counts.items() if count]
    files = _counted(len(reports), "file")
    bad = counts["problem"] or counts["failed example"]
    return f"{files}: " + paint("red" if bad else "yellow" if found else "green", ", ".join(found) or "no problems")


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_bytes()[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    except OSError:
        return []


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "none" if value is None else str(value)
