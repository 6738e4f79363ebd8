"""The content of one cell of the drawn map: texts, touchpoints, figures. Heights are known before drawing.

It knows one cell and its width; `tracker/maps/picture.py` knows where the cell lies.
"""

from dataclasses import dataclass
from typing import Final

from tracker.maps import svg
from tracker.maps.colours import BAD, EDGE, FAINT, INK, PAPER, SOFT
from tracker.maps.grid import Chip, Figure, percent
from tracker.maps.text_width import wrap

SIZE: Final = 12.5
LINE: Final = 16.5
SMALL: Final = 11.0
SMALL_LINE: Final = 14.0
PAD: Final = 11.0
BETWEEN: Final = 6.0
BULLET: Final = 10.0
TAG: Final = 15.0


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a cell."""

    x: float
    y: float
    w: float
    h: float


def card(box: Box) -> str:
    """The white card behind a cell's texts."""
    return svg.rect(box.x, box.y, box.w, box.h, fill=PAPER, radius=7, stroke=EDGE)


# Texts


def _text_lines(texts: tuple[str, ...], width: float) -> list[list[str]]:
    indent = BULLET if len(texts) > 1 else 0
    return [wrap(each, SIZE, width - 2 * PAD - indent) for each in texts]


def texts_height(texts: tuple[str, ...], width: float) -> float:
    """The height of a card with these texts; 0 where there are none."""
    if not texts:
        return 0
    lines = _text_lines(texts, width)
    return 2 * PAD + LINE * sum(map(len, lines)) + BETWEEN * (len(lines) - 1) - 3


def texts(box: Box, words: tuple[str, ...], colour: str, *, italic: bool = False) -> list[str]:
    """A card with texts, each with a dot where there are several; nothing where there are none."""
    if not words:
        return []
    drawn = [card(box)]
    y = box.y + PAD + SIZE - 2
    indent = BULLET if len(words) > 1 else 0
    for lines in _text_lines(words, box.w):
        if indent:
            drawn.append(svg.circle(box.x + PAD + 2.2, y - 4, 2.2, fill=colour))
        for each in lines:
            drawn.append(svg.text(box.x + PAD + indent, y, each, size=SIZE, fill=INK, italic=italic))
            y += LINE
        y += BETWEEN
    return drawn


# Touchpoints


def _chip_lines(chip: Chip, width: float) -> tuple[list[str], list[str]]:
    inner = width - 2 * PAD - 4
    condition = wrap(chip.condition, SMALL, inner) if chip.condition else []
    return wrap(chip.words, SIZE, inner, bold=True), condition


def _chip_height(chip: Chip, width: float) -> float:
    words, condition = _chip_lines(chip, width)
    return 2 * PAD - 5 + TAG + LINE * len(words) + SMALL_LINE * len(condition)


def chips_height(chips: tuple[Chip, ...], width: float) -> float:
    """The height of these touchpoints, one below the other."""
    return sum(_chip_height(chip, width) for chip in chips) + BETWEEN * max(len(chips) - 1, 0)


def chips(box: Box, signs: tuple[Chip, ...], colours: dict[str, str]) -> list[str]:
    """Touchpoints as small cards, each with its channel's colour and name."""
    drawn = []
    y = box.y
    for chip in signs:
        height = _chip_height(chip, box.w)
        colour = colours[chip.channel]
        drawn += [card(Box(box.x, y, box.w, height)), _edge(box.x, y, height, colour)]
        drawn += _chip_words(chip, box.x + PAD + 4, y + PAD + 7, box.w, colour)
        y += height + BETWEEN
    return drawn


def _edge(x: float, y: float, height: float, colour: str) -> str:
    """The coloured edge at the left of a card, round where the card is."""
    steps = f"M{svg.number(x + 7)} {svg.number(y)}h-1a6 6 0 0 0 -6 6v{svg.number(height - 12)}a6 6 0 0 0 6 6h1z"
    return svg.path(steps, fill=colour)


def _chip_words(chip: Chip, x: float, y: float, width: float, colour: str) -> list[str]:
    words, condition = _chip_lines(chip, width)
    drawn = [svg.text(x, y, chip.channel.upper(), size=9.5, fill=colour, bold=True, spacing=0.8)]
    y += TAG + 1
    for each in words:
        drawn.append(svg.text(x, y, each, size=SIZE, fill=INK, bold=True))
        y += LINE
    y -= 1.5
    for each in condition:
        drawn.append(svg.text(x, y, each, size=SMALL, fill=SOFT))
        y += SMALL_LINE
    return drawn


# Figures

FIGURE_TOP: Final = 62.0


def _figure_rows(figure: Figure, width: float) -> list[tuple[str, str]]:
    return [(tone, each) for tone, words in figure.rows for each in wrap(words, SMALL + 0.5, width - 2 * PAD)]


def figures_height(figure: Figure, width: float) -> float:
    """The height of a card with this figure."""
    return FIGURE_TOP + 15 * len(_figure_rows(figure, width))


def figures(box: Box, figure: Figure, colour: str) -> list[str]:
    """The customers who reached the stage, as a number and as a bar of all customers, with further figures."""
    x, w = box.x + PAD, box.w - 2 * PAD
    share = percent(figure.share)
    drawn = [
        card(box),
        svg.text(x, box.y + 31, f"{figure.reached:,}", size=22, fill=colour, bold=True),
        svg.text(x + w, box.y + 31, share, size=13, fill=SOFT, bold=True, anchor="end"),
        svg.rect(x, box.y + 41, w, 6, fill="#e6ebf3", radius=3),
    ]
    if figure.reached:
        drawn.append(svg.rect(x, box.y + 41, max(w * min(figure.share, 1), 3), 6, fill=colour, radius=3))
    y = box.y + FIGURE_TOP + 4
    for tone, each in _figure_rows(figure, box.w):
        fill = BAD if tone == "bad" else SOFT
        drawn.append(svg.text(x, y, each, size=SMALL + 0.5, fill=fill, bold=tone == "bad"))
        y += 15
    return drawn


def gap(box: Box) -> list[str]:
    """The sign of an empty cell."""
    middle = box.y + box.h / 2
    x = box.x + box.w / 2
    return [svg.line(x - 6, middle, x + 6, middle, stroke=FAINT, width=1.2)]
