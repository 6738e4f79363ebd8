"""`tracker draw`: a journey file as a journey map, with figures where touchpoints are given.

It chooses the file and its format; `tracker/maps/grid.py` makes the map.
"""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from streams.cli.event_input import EventInput, Maps, Sources
from streams.cli.options import JourneyFile
from streams.errors import ExitCode, TrackerError, UsageError
from tracker.journey.definition import Definition
from tracker.journey.file import load
from tracker.maps.grid import Map, journey_map
from tracker.maps.html import to_html
from tracker.maps.markdown import to_markdown
from tracker.maps.picture import to_svg
from tracker.problem import choose


class MapFormat(StrEnum):
    """The forms of the map."""

    CURRENT = "current"
    DAY = "day"
    FUTURE = "future"
    BLUEPRINT = "blueprint"


FORMATS: Final[dict[str, Callable[[Map], str]]] = {
    ".svg": to_svg,
    ".html": to_html,
    ".md": to_markdown,
}


def draw(
    definition: JourneyFile,
    *,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="EVENTS", help="A file of touchpoints to count figures from; repeat it for more."
        ),
    ] = None,
    maps: Maps = None,
    sources: Sources = None,
    form: Annotated[
        MapFormat,
        typer.Option(help="The journey as it is, the day around it, the planned journey, or the service behind it."),
    ] = MapFormat.CURRENT,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write: .svg, .html or .md. Left out: print Markdown."),
    ] = None,
) -> int:
    """Draw a journey file as a journey map.

    The lanes of the map are keys of the stages: `tracker check --keys` lists them. With touchpoints, the map shows
    how many customers reached each stage, how many are there and how many dropped off.

    Examples:
      tracker draw my-journey.yaml -o map.svg
      tracker draw my-journey.yaml --with events.jsonl --form blueprint -o map.html
      tracker draw my-journey.yaml --with orders.csv --map examples/imports/orders.yaml > map.md
    """
    to_text = chosen_format(output)
    journey = load(definition)
    reading = EventInput(events or [], maps or (), sources or ())
    drawn = to_text(journey_map(journey, form.value, figures(journey, reading)))
    if output is None:
        print(drawn, end="")
    else:
        write(output, drawn)
        print(f"{output}", file=sys.stderr)
    return ExitCode.OK


def chosen_format(output: Path | None) -> Callable[[Map], str]:
    """The function that makes the file, by its ending; raises UsageError for an ending that is not in FORMATS."""
    if output is None:
        return to_markdown
    ending = output.suffix.casefold()
    if ending not in FORMATS:
        raise UsageError(f"A map cannot be written as {output.name!r}.", choose(ending, FORMATS))
    return FORMATS[ending]


def figures(journey: Definition, reading: EventInput) -> dict[str, Any] | None:
    """The figures of a replay of these files; None without files."""
    if not reading.files:
        return None
    # Imported here, since a map without figures reads no events and is drawn at once.
    from streams.cli.replay import say_what_was_read
    from tracker.replay.replay import replay

    gathered = reading.gather([journey])
    say_what_was_read(gathered)
    return replay(journey, gathered.columns).as_json(gathered.tally.rejected)


def write(output: Path, drawn: str) -> None:
    """Write the map; an existing file is replaced."""
    try:
        output.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise TrackerError(f"{output} cannot be written: {error.strerror}.", "Name another file with -o.") from None
