"""`tracker new`: a journey file from a template.

The templates are examples/journeys; an existing file is never overwritten.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.paint import Paint
from streams.errors import ExitCode, UsageError
from streams.settings.settings import packaged_journeys
from tracker.journey.file import load
from tracker.problem import choose


def new(
    template: Annotated[str | None, typer.Argument(help="A template's name. Left out: list all.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.", show_default="TEMPLATE.yaml")
    ] = None,
) -> int:
    """Start a journey file from a template.

    Without a name it lists the templates. An existing file is never overwritten.

    Examples:
      tracker new
      tracker new retail -o my-journey.yaml
    """
    paint = Paint(sys.stdout)
    if template is None:
        print(listing(paint))
        return ExitCode.OK
    source = find(template)
    target = copy(source, output or Path(source.name))
    print(next_steps(target, paint))
    return ExitCode.OK


def templates() -> dict[str, Path]:
    """The templates that ship, by name."""
    return {path.stem: path for path in sorted(packaged_journeys().glob("*.yaml"))}


def find(name: str) -> Path:
    """The template of that name; raises UsageError with the nearest."""
    known = templates()
    path = known.get(name.removesuffix(".yaml"))
    if path is None:
        raise UsageError(f"There is no template {name!r}.", choose(name, known))
    return path


def copy(source: Path, target: Path) -> Path:
    """Write the template to the target, or into it where it is a folder; returns the file written.

    Raises UsageError where the file exists, or where it cannot be written.
    """
    if target.is_dir():
        target /= source.name
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))
    except FileExistsError:
        remedy = "It was left as it is. Name another file with -o."
        raise UsageError(f"{target} exists already.", remedy) from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.", "Name another file with -o.") from None
    return target


def listing(paint: Paint) -> str:
    """All templates with their stages, and how to use one."""
    rows = []
    for name, path in templates().items():
        definition = load(path)
        stages = " > ".join(stage.name.replace("_", " ") for stage in definition.stages)
        rows.append(f"{paint('bold', name)}: {definition.title or definition.journey}\n    {stages}")
    return "\n".join([*rows, "", "Start with one of them: tracker new retail -o my-journey.yaml"])


def next_steps(target: Path, paint: Paint) -> str:
    """What to do with the new file."""
    return "\n".join(
        [
            f"{paint('green', 'written')}  {target}",
            "",
            "Next:",
            f"  1. Open {target}: put in your own touchpoint types, stages and examples.",
            f"  2. {paint('bold', f'tracker check {target}')}    lists problems and runs the examples",
            f"  3. {paint('bold', f'tracker draw {target} -o map.html')}    shows it as a journey map",
            "Its keys are explained in docs/journeys.md and by `tracker check --keys`.",
        ]
    )
