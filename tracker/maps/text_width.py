"""How wide a text is and where its lines break, without a font at hand.

Widths are those of the sans-serif that browsers agree on (Helvetica, Arial and Liberation Sans are of one width).
It knows characters alone; no picture.
"""

import unicodedata
from typing import Final

# Thousandths of the font's size for the characters from space to ~, regular weight.
_ASCII: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_OTHER: Final = 600
_BOLD: Final = 1.08
"""Bold letters are about this much wider; a little too much is better than a line that leaves its box."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of one line in the unit of `size`."""
    total = sum(_of(character) for character in text) * size / 1000
    return total * _BOLD if bold else total


def wrap(text: str, size: float, limit: float, *, bold: bool = False) -> list[str]:
    """The text in lines no wider than `limit`; a word too long for a line is cut."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if width(longer, size, bold=bold) <= limit:
                line = longer
                continue
            if line:
                lines.append(line)
            *cut, line = _cut(word, size, limit, bold=bold)
            lines += cut
        if line:
            lines.append(line)
    return lines or [""]


def _cut(word: str, size: float, limit: float, *, bold: bool) -> list[str]:
    pieces, piece = [], ""
    for character in word:
        # A mark belongs to the letter before it.
        if piece and not unicodedata.combining(character) and width(piece + character, size, bold=bold) > limit:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def _of(character: str) -> int:
    place = ord(character) - 32
    if 0 <= place < len(_ASCII):
        return _ASCII[place]
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 1000
    base = unicodedata.normalize("NFD", character)[0]
    return _ASCII[ord(base) - 32] if 32 <= ord(base) < 127 else _OTHER
