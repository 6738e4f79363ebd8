"""The journey map as an HTML page: the picture, and the same content as a table to search and copy.

It knows the page; `tracker/maps/picture.py` makes the picture. No script, nothing fetched from elsewhere.
"""

from typing import Any, Final

from tracker.maps.curve import WORDS
from tracker.maps.grid import Chip, Figure, Map, MapRow, percent
from tracker.maps.picture import to_svg
from tracker.maps.svg import safe

STYLE: Final = """
:root { color-scheme: light; }
body { margin: 0; background: #eef1f5; color: #1c2733;
       font: 15px/1.5 Helvetica, Arial, "Liberation Sans", sans-serif; }
main { max-width: 1900px; margin: 0 auto; padding: 24px; }
figure { margin: 0; background: #fff; border-radius: 14px; overflow-x: auto; box-shadow: 0 1px 4px #1c273322; }
figure svg { display: block; width: 100%; min-width: 1100px; height: auto; }
details { margin-top: 20px; background: #fff; border-radius: 14px; padding: 14px 22px; }
summary { cursor: pointer; font-weight: 700; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 14px 0; font-size: 13px; }
th, td { border: 1px solid #dfe5ec; padding: 7px 10px; text-align: left; vertical-align: top; min-width: 120px; }
thead th { background: #1f3b73; color: #fff; }
tbody th { background: #f3f6f9; }
ul { margin: 0; padding-left: 16px; }
small { color: #5b6b7b; }
@media print {
  @page { size: A3 landscape; margin: 8mm; }
  body { background: #fff; } main { padding: 0; } details { display: none; }
  figure { box-shadow: none; overflow: visible; } figure svg { min-width: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def to_html(journey: Map) -> str:
    """The map as a whole page."""
    title = f"{safe(journey.title)}: {safe(journey.form_title)}"
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style></head>\n<body><main>\n"
        f"<figure>{to_svg(journey)}</figure>\n"
        f'<details><summary>The same as a table</summary><div class="scroll">{_table(journey)}</div></details>\n'
        "</main></body></html>\n"
    )


def _table(journey: Map) -> str:
    heads = "".join(f'<th scope="col">{safe(column.title)}{_marks(column)}</th>' for column in journey.columns)
    rows = "".join(_row(row, len(journey.columns)) for row in journey.rows)
    return f'<table><thead><tr><th scope="col">Stage</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _marks(column: Any) -> str:
    marks = [word for word, holds in (("goal", column.goal), ("optional", column.optional)) if holds]
    return f" ({', '.join(marks)})" if marks else ""


def _row(row: MapRow, columns: int) -> str:
    if row.kind == "line":
        return f'<tr><th colspan="{columns + 1}">{safe(row.title)}</th></tr>'
    cells = "".join(f"<td>{_cell(cell)}</td>" for cell in row.cells)
    return f'<tr><th scope="row">{safe(row.title)}</th>{cells}</tr>'


def _cell(cell: Any) -> str:
    if cell in (None, ()):
        return ""
    if isinstance(cell, int):
        return WORDS[cell]
    if isinstance(cell, Figure):
        rows = "".join(f"<br>{safe(words)}" for _, words in cell.rows)
        return f"<b>{cell.reached:,}</b> ({percent(cell.share)}){rows}"
    items = [_chip(each) if isinstance(each, Chip) else safe(each) for each in cell]
    return items[0] if len(items) == 1 else "".join(["<ul>", *(f"<li>{each}</li>" for each in items), "</ul>"])


def _chip(chip: Chip) -> str:
    condition = f"<br><small>{safe(chip.condition)}</small>" if chip.condition else ""
    return f"<small>{safe(chip.channel)}</small> {safe(chip.words)}{condition}"
