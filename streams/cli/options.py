"""Arguments and options that several commands share, with one help text each."""

from pathlib import Path
from typing import Annotated, Final

import typer

from streams.errors import UsageError

OTHER_NAMES: Final = "an alias such as anonymous_id:a-17, an e-mail address or a telephone number."
Customer = Annotated[str, typer.Argument(help=f"The customer's id, {OTHER_NAMES}")]
Person = Annotated[str, typer.Argument(help=f"The person's customer id, {OTHER_NAMES}")]
JourneyFile = Annotated[Path, typer.Argument(metavar="DEFINITION", help="The journey file.")]
Events = Annotated[
    list[str] | None,
    typer.Argument(metavar="EVENTS", help="Files of events, one JSON object per line, gzipped or plain; - for stdin."),
]
Now = Annotated[
    str | None,
    typer.Option(metavar="T", help="Compute the figures for this time. Left out: the time of the last event."),
]
Since = Annotated[str | None, typer.Option(metavar="T", help="Ignore events before this time.")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Ignore events after this time.")]
SourceName = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="NAME", help="The system that the file is from: its numbers are aliases of their own."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
SummaryAsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]


def require_apart(option: str, output: Path | None, *inputs: Path) -> None:
    """Raises UsageError where a file that is to be written is one that is read: it would be lost."""
    if output is not None and output.exists() and any(each.exists() and each.samefile(output) for each in inputs):
        raise UsageError(f"{option}: {output} is a file that is read.", "Name another file; it would be overwritten.")
