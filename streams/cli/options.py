"""Arguments and options that several commands share, with one help text each."""

from pathlib import Path
from typing import Annotated

import typer

Customer = Annotated[str, typer.Argument(help="The customer's id, or any alias: `anonymous_id:...` and the like.")]
Person = Annotated[str, typer.Argument(help="A customer's id, or any alias: `anonymous_id:...` and the like.")]
JourneyFile = Annotated[Path, typer.Argument(metavar="DEFINITION", help="The journey file.")]
Events = Annotated[
    list[str] | None,
    typer.Argument(metavar="EVENTS", help="Files of events, one JSON object a line, gzipped or not; - for stdin."),
]
Now = Annotated[str | None, typer.Option(metavar="T", help="Look at this moment instead of the last event's.")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Leave out the events after this moment.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")]
SummaryAsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]
