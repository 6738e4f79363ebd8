"""A CSV's line of column names beside a table: what the table needs and lacks, and what it can do without.

It knows names of columns alone; `streams/imports/files.py` reads the file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.errors import UsageError
from streams.imports.mapping import ImportMap, TouchpointEntry
from streams.imports.values import places
from tracker.problem import nearest

SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Lack:
    """The columns that one touchpoint of a table misses in a file."""

    needed: list[tuple[str, ...]] = field(default_factory=list)
    """Alternatives of which none is there, and without which no touchpoint can be made."""
    without: list[str] = field(default_factory=list)
    """Columns that a condition asks for: no row of the file makes this touchpoint."""
    optional: list[tuple[str, ...]] = field(default_factory=list)


def check(name: str, header: Sequence[str], table: ImportMap) -> list[str]:
    """What is passed over, as sentences. Raises UsageError where the file does not fit the table."""
    if not any(header):
        raise UsageError(f"{name} has no column names.", "Export it again; it may be empty.")
    twice = sorted({each for each in header if each and header.count(each) > 1})
    if twice:
        raise UsageError(f"{name}: the column {twice[0]!r} is there twice.", "Rename one of the two.")
    lacks = [(entry, _lack(entry, header)) for entry in table.entries]
    live = [lack for _, lack in lacks if not lack.without]
    needed = list(dict.fromkeys(some[0] for lack in live or [lack for _, lack in lacks] for some in lack.needed))
    if not live:
        needed = list(dict.fromkeys([*(each for _, lack in lacks for each in lack.without), *needed]))
    if needed:
        raise UsageError(f"{name} has no column {', '.join(map(repr, needed))}.", _remedy(needed[0], header))
    used = {column for entry in table.entries for some in entry.columns() for column in some}
    strange = [each for each in header if each not in used]
    return [*_never(lacks), *_left_out([lack for _, lack in lacks if not lack.without], strange)]


def _lack(entry: TouchpointEntry, header: Sequence[str]) -> Lack:
    lack = Lack(without=[column for column, _ in entry.conditions if not _has(column, header)])
    for value in (entry.channel, entry.type, entry.occurred_at):
        if value.columns and value.default is None and not _any(value.columns, header):
            lack.needed.append(value.columns)
    lack.needed.extend((column,) for column in entry.event_id if not _has(column, header))
    ids = [value for value in entry.ids.values() if value.columns]
    if ids and not any(_any(value.columns, header) for value in ids) and len(ids) == len(entry.ids):
        lack.needed.extend(value.columns for value in ids)
    for value in (*ids, *entry.properties.values(), *entry.context.values()):
        if value.columns and not _any(value.columns, header) and value.columns not in lack.needed:
            lack.optional.append(value.columns)
    return lack


def _any(columns: Sequence[str], header: Sequence[str]) -> bool:
    return any(_has(column, header) for column in columns)


def _has(column: str, header: Sequence[str]) -> bool:
    """Whether there is such a column, or one of JSON that the path may lead into."""
    return any(place in header for place, _ in places(column))


def _never(lacks: Sequence[tuple[TouchpointEntry, Lack]]) -> Iterator[str]:
    for entry, lack in lacks:
        if lack.without:
            yield f"no column {', '.join(map(repr, lack.without))}: no row makes {entry.title!r}"


def _left_out(lacks: Sequence[Lack], strange: Sequence[str]) -> Iterator[str]:
    names = list(dict.fromkeys(some[0] for lack in lacks for some in lack.optional))
    for name in names[:SHOWN]:
        near = nearest(name, strange)
        yield f"no column {name!r}: it is left out" + (f"; did you mean {near!r}?" if near else "")
    if len(names) > SHOWN:
        yield f"{len(names) - SHOWN} more columns of the table are not there: they are left out"


def _remedy(name: str, header: Sequence[str]) -> str:
    near = nearest(name, header)
    return f"Did you mean {near!r}?" if near else f"It has: {', '.join(header)[:300]}."
