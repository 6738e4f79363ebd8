"""The journey map as Markdown: one table, stages as columns, for wikis and reviews.

It knows Markdown's tables; `tracker/maps/grid.py` says what stands in them.
"""

import re
from typing import Any, Final

from tracker.maps.curve import WORDS
from tracker.maps.grid import Chip, Figure, Map, MapRow, percent

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|~#])")


def to_markdown(journey: Map) -> str:
    """The map as a Markdown document."""
    heads = [f"{_plain(column.title)}{_marks(column)}" for column in journey.columns]
    lines = [f"# {_plain(journey.title)}", "", f"*{_plain(journey.form_title)}*", ""]
    for words in (journey.description, f"For: {journey.persona}" if journey.persona else ""):
        lines += [_plain(words), ""] if words else []
    lines += [_line(["", *heads]), _line(["---"] * (len(heads) + 1))]
    lines += [_line(_row(row, len(heads))) for row in journey.rows]
    return "\n".join([*lines, "", _plain(journey.footer), ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _marks(column: Any) -> str:
    notes = [word for word, holds in (("goal", column.goal), ("optional", column.optional)) if holds]
    notes += [_plain(note) for note in column.notes]
    return f"<br>({'; '.join(notes)})" if notes else ""


def _row(row: MapRow, columns: int) -> list[str]:
    if row.kind == "line":
        return [f"*{_plain(row.title)}*", *["· · ·"] * columns]
    return [f"**{_plain(row.title)}**", *(_cell(cell) for cell in row.cells)]


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return f"{WORDS[cell]} ({cell:+d})" if cell else WORDS[cell]
    if isinstance(cell, Figure):
        return "<br>".join(
            [f"**{cell.reached:,}** ({percent(cell.share)})", *(_plain(words) for _, words in cell.rows)]
        )
    return "<br>".join(_chip(each) if isinstance(each, Chip) else _plain(each) for each in cell)


def _chip(chip: Chip) -> str:
    condition = f" ({_plain(chip.condition)})" if chip.condition else ""
    return f"{_plain(chip.channel)}: {_plain(chip.words)}{condition}"


def _plain(words: str) -> str:
    """A text with Markdown escaped, on one line, as a cell of a table needs it."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")
