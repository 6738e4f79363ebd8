"""Files of events and exports of other systems as the commands about recorded touchpoints read them."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Final

import typer

from streams.cli.import_output import unmet_lines
from streams.cli.paint import Paint
from streams.errors import UsageError
from streams.events.gathering import Gathered, gather_from, moment
from streams.imports.files import format_of
from streams.imports.joins import Joins
from streams.imports.mapped import MappedFiles
from streams.imports.mapping import load
from streams.settings.settings import kinds, read
from tracker.journey.definition import Definition
from tracker.moment import TimeSpan
from tracker.paths import Path

Maps = Annotated[
    list[FilePath] | None,
    typer.Option(
        "--map",
        metavar="TABLE",
        help="The files are exports, read by this mapping table (docs/import.md). Repeat it: one for each file.",
    ),
]
Form = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="csv or jsonl, of files with a table. Left out: by the name."),
]
SHEETS: Final = (".csv", ".tsv")
EVENTS: Final = "-"
"""In place of a table: the file is one of events."""


@dataclass(frozen=True, slots=True)
class EventInput:
    """Which files to read, by which tables, and of which span."""

    files: Sequence[str]
    maps: Sequence[FilePath] = ()
    source: str | None = None
    form: str | None = None
    span: TimeSpan = field(default_factory=TimeSpan)

    def gather(
        self, definitions: Sequence[Definition], *, now_ms: int | None = None, also: Iterable[Path] = ()
    ) -> Gathered:
        """All touchpoints, with the fields that the definitions use; says on stderr what is to be said of exports."""
        files = self.mapped()
        gathered = gather_from(
            definitions,
            lambda tally, show: files.touches(tally, self.span, show),
            now_ms=now_ms,
            also=also,
            kinds=files.kinds,
        )
        tell(files)
        return gathered

    def mapped(self) -> MappedFiles:
        """The files with their tables. Raises TrackerError."""
        if not self.maps:
            for given, option in ((self.source, "--source"), (self.form, "--format")):
                if given is not None:
                    raise UsageError(f"{option} is about files with a mapping table.", "Add --map TABLE.")
            sheet = next((name for name in self.files if name.lower().removesuffix(".gz").endswith(SHEETS)), None)
            if sheet is not None:
                raise UsageError(f"{sheet} is a table of a spreadsheet.", "Add --map TABLE; docs/import.md has some.")
        if len(self.maps) > 1 and len(self.maps) != len(self.files):
            raise UsageError(
                f"{len(self.maps)} tables for {len(self.files)} files.",
                "Give one --map for all files, or one for each in their order; `--map -` is a file of events.",
            )
        if not self.maps:
            # A replay of events needs no setting but this one, so a wrong one elsewhere does not stop it.
            return MappedFiles(self.files, [None] * len(self.files), kinds=kinds(os.environ))
        settings = read(os.environ)
        tables = [None if str(each) == EVENTS else load(each, settings.kinds, self.source) for each in self.maps]
        each_file = tables if len(tables) > 1 else tables * len(self.files)
        joins = Joins(settings.kinds)
        return MappedFiles(self.files, each_file, self.form, settings.hash_key, settings.kinds, joins=joins)


def span_of(since: str | None, until: str | None, prefix: str = "--") -> TimeSpan:
    """The span of `--since` and `--until`, or of options that begin otherwise. Raises UsageError."""
    begin, end = f"{prefix}since", f"{prefix}until"
    span = TimeSpan(moment(begin, since), moment(end, until))
    if span.since_ms is not None and span.until_ms is not None and span.since_ms > span.until_ms:
        raise UsageError(f"{begin} is later than {end}.", "Exchange the two.")
    return span


def tell(files: MappedFiles) -> None:
    """Say on stderr what exports lack, which rows meet no condition, and what does not join."""
    paint = Paint(sys.stderr)
    for sentence in (*files.lacks, *files.joins.sentences()):
        print(paint("yellow", sentence), file=sys.stderr)
    for name, tally in files.unmet.items():
        for line in unmet_lines(tally):
            print(paint("dim", f"{name}: {line}"), file=sys.stderr)


def is_events(word: str) -> bool:
    """Whether a word names a file of events or an export, not a journey file."""
    try:
        return bool(format_of(word))
    except UsageError:
        return False
