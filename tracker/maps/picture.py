"""The journey map as an SVG picture: heads of stages, and a band for each lane.

It knows where things lie. `tracker/maps/grid.py` says what they say, and `tracker/maps/cells.py` how a cell looks.
"""

from collections.abc import Callable
from typing import Any, Final

from schemas import topics
from tracker.maps import cells, curve, svg
from tracker.maps.cells import Box
from tracker.maps.colours import CHANNELS, FAINT, GOLD, INK, LANES, PAPER, SOFT, stage_colour
from tracker.maps.grid import Column, Map, MapRow
from tracker.maps.text_width import width, wrap

MARGIN: Final = 36.0
LABEL: Final = 138.0
GAP: Final = 10.0
BAND_PAD: Final = 9.0
HEAD: Final = 58.0
LINE_HEIGHT: Final = 30.0
NARROWEST: Final = 172.0
"""At this width a column still holds a sentence in three or four lines; more stages make the picture wider."""
WIDEST: Final = 300.0
USUAL_WIDTH: Final = 1_560.0
HEADINGS: Final = {
    "current": "CURRENT STATE",
    "day": "A DAY IN THE LIFE",
    "future": "FUTURE STATE",
    "blueprint": "SERVICE BLUEPRINT",
}


def to_svg(journey: Map) -> str:
    """The map as a whole SVG document."""
    return _Drawing(journey).draw()


class _Drawing:
    def __init__(self, journey: Map) -> None:
        self.map = journey
        count = len(journey.columns)
        room = (USUAL_WIDTH - 2 * MARGIN - LABEL) / count
        self.pitch = min(max(room, NARROWEST + GAP), WIDEST + GAP)
        self.cell = self.pitch - GAP
        self.left = MARGIN + LABEL
        self.right = self.left + self.pitch * count
        # A map of one or two stages is no wider than its columns, but wide enough for its heading.
        self.width = max(self.right + MARGIN, 760)
        # The usual channels have the same colour on every map.
        channels = dict.fromkeys((*topics.CHANNELS, *journey.channels))
        self.colours = {channel: CHANNELS[place % len(CHANNELS)] for place, channel in enumerate(channels)}
        self.body: list[str] = []
        self.defs = ""
        self.y = MARGIN

    def draw(self) -> str:
        self._heading()
        self._stages()
        for row in self.map.rows:
            self._row(row)
        self.y += 16
        self.body.append(svg.text(MARGIN, self.y + 8, self.map.footer, size=11, fill=FAINT))
        height = self.y + 8 + MARGIN * 0.75
        ground = svg.rect(0, 0, self.width, height, fill=PAPER)
        stages = ", ".join(column.title for column in self.map.columns)
        return svg.picture(
            self.width, height, title=f"{self.map.title}: {self.map.form_title}", described=f"Stages: {stages}",
            defs=self.defs, body=[ground, *self.body],
        )  # fmt: skip

    def _heading(self) -> None:
        persona = self._persona()
        room = self.width - 2 * MARGIN - persona
        self.body.append(
            svg.text(MARGIN, self.y + 10, HEADINGS[self.map.form], size=11, fill="#14867a", bold=True, spacing=1.6)
        )
        self.y += 16
        for each in wrap(self.map.title, 28, room, bold=True):
            self.y += 31
            self.body.append(svg.text(MARGIN, self.y, each, size=28, fill=INK, bold=True))
        for each in wrap(self.map.description, 14, min(room, 900)) if self.map.description else []:
            self.y += 21
            self.body.append(svg.text(MARGIN, self.y + 3, each, size=14, fill=SOFT))
        self.y = max(self.y + 24, MARGIN + 76)

    def _persona(self) -> float:
        """Draw the persona at the right; returns the width that it takes from the title."""
        if not self.map.persona:
            return 0
        lines = wrap(self.map.persona, 13, 250)[:4]
        wide = max(width(each, 13) for each in lines) + 76
        high = max(48.0, 24 + 17 * len(lines))
        x, y = self.width - MARGIN - wide, MARGIN - 4
        self.body.append(svg.rect(x, y, wide, high, fill="#f3f6f9", radius=high / 2 if len(lines) < 3 else 20))
        middle = y + high / 2
        self.body += [
            svg.circle(x + 26, middle - 6, 6.5, fill=SOFT),
            svg.path(f"M{svg.number(x + 14)} {svg.number(middle + 13)}a12 10.5 0 0 1 24 0z", fill=SOFT),
        ]
        first = middle - (len(lines) - 1) * 8.5 + 4.5
        for place, each in enumerate(lines):
            self.body.append(svg.text(x + 50, first + place * 17, each, size=13, fill=INK))
        return wide + 24

    def _stages(self) -> None:
        notes = 0.0
        for place, column in enumerate(self.map.columns):
            x = self.left + place * self.pitch
            self._chevron(x, place, column)
            notes = max(notes, self._notes(x, column))
        self.y += HEAD + notes + 8

    def _chevron(self, x: float, place: int, column: Column) -> None:
        w, h, tip = self.cell + GAP * 0.55, HEAD, 13
        notch = f"l{tip} {svg.number(h / 2)}l-{tip} {svg.number(h / 2)}" if place else f"v{svg.number(h)}"
        begin = f"M{svg.number(x - (tip - 6 if place else 0))} {svg.number(self.y)}"
        body = w - tip + (tip - 6 if place else 0)
        steps = f"{begin}{notch}h{svg.number(body)}l{tip}-{svg.number(h / 2)}l-{tip}-{svg.number(h / 2)}z"
        self.body.append(svg.path(steps, fill=stage_colour(place, len(self.map.columns))))
        size = 15.0 if self.cell > 190 else 14.0
        lines = wrap(column.title, size, self.cell - 42, bold=True)[:3]
        first = self.y + h / 2 - (len(lines) - 1) * 9 + size * 0.35
        for number, each in enumerate(lines):
            self.body.append(
                svg.text(x + self.cell / 2 + 5, first + number * 18, each, size=size, fill=PAPER, bold=True,
                         anchor="middle")
            )  # fmt: skip

    def _notes(self, x: float, column: Column) -> float:
        """Draw the facts of a stage below its head; returns their height."""
        y = self.y + HEAD
        for note in column.notes:
            for each in wrap(note, 11, self.cell):
                y += 15
                self.body.append(svg.text(x + 2, y, each, size=11, fill=SOFT))
        if column.goal or column.optional:
            y += 17
            word = "GOAL" if column.goal else "OPTIONAL"
            word = "GOAL, OPTIONAL" if column.goal and column.optional else word
            if column.goal:
                self.body.append(_star(x + 8, y - 3.5))
            self.body.append(
                svg.text(x + (18 if column.goal else 2), y, word, size=10, fill=GOLD if column.goal else SOFT,
                         bold=True, spacing=0.8)
            )  # fmt: skip
        return y - self.y - HEAD

    def _row(self, row: MapRow) -> None:
        if row.kind == "line":
            self._line(row)
        elif row.kind == "curve":
            self._curve(row)
        else:
            self._cells(row)

    def _line(self, row: MapRow) -> None:
        middle = self.y + LINE_HEIGHT / 2 - GAP / 4
        words = row.title.upper()
        begin = MARGIN + width(words, 10, bold=True) + len(words) * 1.1 + 12
        self.body.append(svg.text(MARGIN, middle + 3.5, words, size=10, fill=SOFT, bold=True, spacing=1.1))
        self.body.append(svg.line(begin, middle, self.right, middle, stroke=SOFT, width=1.4, dash="7 5"))
        self.y += LINE_HEIGHT

    def _band(self, row: MapRow, height: float) -> None:
        colour, tint = LANES[row.name]
        x = MARGIN - 12
        self.body.append(svg.rect(x, self.y, self.right - GAP + BAND_PAD - x, height, fill=tint, radius=10))
        self.body.append(svg.rect(x, self.y + 10, 4, min(height - 20, 40), fill=colour, radius=2))
        for place, each in enumerate(wrap(row.title, 13, LABEL - 18, bold=True)):
            self.body.append(svg.text(MARGIN + 2, self.y + 25 + place * 16, each, size=13, fill=colour, bold=True))

    def _curve(self, row: MapRow) -> None:
        self._band(row, curve.HEIGHT)
        self.defs += curve.gradients(self.y)
        middles = [self.left + place * self.pitch + self.cell / 2 for place in range(len(row.cells))]
        self.body += curve.curve(self.y, self.left, self.right - GAP, middles, row.cells, row.also)
        self.y += curve.HEIGHT + GAP

    def _cells(self, row: MapRow) -> None:
        measure, paint = KINDS[row.kind]
        title = 16.0 * len(wrap(row.title, 13, LABEL - 18, bold=True)) + 8
        tallest = max(30, title, *(measure(cell, self.cell) for cell in row.cells))
        self._band(row, tallest + 2 * BAND_PAD)
        for place, cell in enumerate(row.cells):
            box = Box(self.left + place * self.pitch, self.y + BAND_PAD, self.cell, tallest)
            self.body += paint(self, row, cell, box) if cell else cells.gap(box)
        self.y += tallest + 2 * BAND_PAD + GAP


def _paint_texts(_: _Drawing, row: MapRow, cell: Any, box: Box) -> list[str]:
    return cells.texts(box, cell, LANES[row.name][0], italic=row.name == "feelings")


def _paint_chips(drawing: _Drawing, _: MapRow, cell: Any, box: Box) -> list[str]:
    return cells.chips(box, cell, drawing.colours)


def _paint_figures(_: _Drawing, row: MapRow, cell: Any, box: Box) -> list[str]:
    return cells.figures(box, cell, LANES[row.name][0])


Measure = Callable[[Any, float], float]
Paint = Callable[[_Drawing, MapRow, Any, Box], list[str]]
KINDS: Final[dict[str, tuple[Measure, Paint]]] = {
    "texts": (cells.texts_height, _paint_texts),
    "chips": (cells.chips_height, _paint_chips),
    "figures": (cells.figures_height, _paint_figures),
}


def _star(x: float, y: float) -> str:
    """A star about a middle."""
    steps = "l2 4.2 4.6.6-3.4 3.2.9 4.6-4.1-2.2-4.1 2.2.9-4.6-3.4-3.2 4.6-.6z"
    return svg.path(f"M{svg.number(x)} {svg.number(y - 6.6)}{steps}", fill=GOLD)
