"""Files for a replay, some of them exports of other systems with a mapping table each: rows in, touches out.

It sends nothing; `streams/imports/run.py` imports.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.touchpoint import Touchpoint
from streams.errors import UsageError
from streams.events.files import STDIN, ReadTally, touches
from streams.imports.files import format_of, rows
from streams.imports.joins import Joins
from streams.imports.mapping import ImportMap
from streams.imports.rows import RowFlaw, touchpoints, unmet
from streams.imports.run import ImportTally
from streams.imports.to_file import shown
from tracker.identity.kinds import KINDS, Kinds
from tracker.moment import TimeSpan
from tracker.planning.decode import Flaw, decode
from tracker.touch import Touch

_encode = msgspec.json.Encoder().encode


@dataclass
class MappedFiles:
    """Files with their tables, and what is to be said of them once they are read."""

    files: Sequence[str]
    tables: Sequence[ImportMap | None]
    """For each file its table; None: a file of events."""
    form: str | None = None
    """None: by each file's name."""
    hash_key: str | None = None
    kinds: Kinds = KINDS
    lacks: list[str] = field(default_factory=list)
    """What files lack, and their tables can do without."""
    unmet: dict[str, ImportTally] = field(default_factory=dict)
    """By file: the rows that met no condition of its table."""
    joins: Joins = field(default_factory=Joins)

    def touches(
        self, tally: ReadTally, span: TimeSpan, show: Callable[[int, int], None] = lambda _lines, _bytes: None
    ) -> Iterator[Touch]:
        """Every touchpoint of the files. Raises TrackerError for an unreadable file."""
        if self.files.count(STDIN) > 1:
            raise UsageError("Standard input is named twice.", "Name `-` once.")
        for name, table in zip(self.files, self.tables, strict=True):
            if table is None:
                yield from touches([name], tally, span, show, self.kinds)
            else:
                yield from self._mapped(name, table, tally, span, show)

    def _mapped(
        self, name: str, table: ImportMap, tally: ReadTally, span: TimeSpan, show: Callable[[int, int], None]
    ) -> Iterator[Touch]:
        def count(size: int) -> None:
            tally.bytes += size

        def tell(sentence: str) -> None:
            self.lacks.append(f"{name}: {sentence}")

        several = len(set(self.files)) > 1
        for row in rows(name, format_of(name, self.form), table, count, tell):
            tally.lines += 1
            if not tally.lines & 0x3FFF:
                show(tally.lines, tally.bytes)
            made = row.flaw or touchpoints(row.data, table)
            if isinstance(made, RowFlaw):
                tally.reject(name, row.line, made)
                continue
            if not made:
                self.unmet.setdefault(name, ImportTally()).meets_nothing(unmet(row.data, table))
            for touchpoint in made:
                self.joins.see(table.source or table.name if several else touchpoint.channel, touchpoint.ids)
                touch = self._touch(touchpoint)
                if isinstance(touch, Flaw):
                    tally.reject(name, row.line, touch)
                elif span.holds(touch.at_ms):
                    yield touch
                else:
                    tally.cut += 1
        show(tally.lines, tally.bytes)

    def _touch(self, touchpoint: Touchpoint) -> Touch | Flaw:
        return decode(_encode(shown(touchpoint, self.hash_key)), None, self.kinds)
