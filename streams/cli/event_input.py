"""Files of events and exports of other systems as the commands about recorded touchpoints read them."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Final, TypeVar

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

T = TypeVar("T")
Maps = Annotated[
    list[FilePath] | None,
    typer.Option(
        "--map",
        metavar="TABLE",
        help="The files are exports, read by this mapping table (docs/import.md). Repeat it: one for each file.",
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="The system of the exports: its numbers are aliases of their own. Repeat it: one for each file.",
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
    sources: Sequence[str] = ()
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
            for given, option in ((self.sources, "--source"), (self.form, "--format")):
                if given:
                    raise UsageError(f"{option} is about files with a mapping table.", "Add --map TABLE.")
            sheet = next((name for name in self.files if name.lower().removesuffix(".gz").endswith(SHEETS)), None)
            if sheet is not None:
                raise UsageError(f"{sheet} is a table of a spreadsheet.", "Add --map TABLE; docs/import.md has some.")
            # A replay of events needs no setting but this one, so a wrong one elsewhere does not stop it.
            return MappedFiles(self.files, [None] * len(self.files), kinds=kinds(os.environ))
        if 1 < len(self.maps) != len(self.files):
            raise UsageError(
                f"{len(self.maps)} tables for {len(self.files)} files.",
                "Give one --map for all files, or one for each in their order; `--map -` is a file of events.",
            )
        if 1 < len(self.sources) != len(self.files):
            raise UsageError(
                f"{len(self.sources)} sources for {len(self.files)} files.",
                "Give one --source for all files, or one for each in their order.",
            )
        settings = read(os.environ)
        each_file = [
            None if table is None or str(table) == EVENTS else load(table, settings.kinds, source)
            for table, source in zip(_for_each(self.maps, self.files), _for_each(self.sources, self.files), strict=True)
        ]
        joins = Joins(settings.kinds)
        return MappedFiles(self.files, each_file, self.form, settings.hash_key, settings.kinds, joins=joins)


def _for_each(given: Sequence[T], files: Sequence[str]) -> Sequence[T | None]:
    """What was said for each file, for one of all, or not at all, as one a file."""
    return given if len(given) > 1 else [given[0] if given else None] * len(files)


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
