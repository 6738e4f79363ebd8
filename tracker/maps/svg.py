"""The few SVG elements of the drawings, as text; everything that a user wrote is escaped.

It knows markup, and nothing of what is drawn.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Final

FONT: Final = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def safe(text: str) -> str:
    """A user's text, escaped for SVG and HTML."""
    return escape(_NOT_IN_XML.sub(" ", text))


def number(value: float) -> str:
    """A coordinate as short text."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def rect(x: float, y: float, w: float, h: float, *, fill: str, radius: float = 0, stroke: str = "") -> str:
    """A box, with round corners where a radius is given."""
    edge = f' stroke="{stroke}"' if stroke else ""
    corners = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(w, 0))}" height="{number(h)}"{corners} '
        f'fill="{fill}"{edge}/>'
    )


def text(
    x: float, y: float, words: str, *, size: float, fill: str, bold: bool = False, italic: bool = False,
    anchor: str = "start", spacing: float = 0,
) -> str:  # fmt: skip
    """One line of text; `y` is its base line."""
    style = (' font-weight="700"' if bold else "") + (' font-style="italic"' if italic else "")
    style += f' text-anchor="{anchor}"' if anchor != "start" else ""
    style += f' letter-spacing="{number(spacing)}"' if spacing else ""
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" fill="{fill}"{style}>{safe(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str, width: float = 1, dash: str = "") -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" stroke="{stroke}" '
        f'stroke-width="{number(width)}"{dashes}/>'
    )


def circle(x: float, y: float, radius: float, *, fill: str, stroke: str = "none", width: float = 1) -> str:
    """A disc."""
    return (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="{number(width)}"/>'
    )


def path(steps: str, *, fill: str = "none", stroke: str = "none", width: float = 1, dash: str = "") -> str:
    """A free shape."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{steps}" fill="{fill}" stroke="{stroke}" stroke-width="{number(width)}" '
        f'stroke-linecap="round" stroke-linejoin="round"{dashes}/>'
    )


def picture(width: float, height: float, *, title: str, described: str, defs: str, body: Iterable[str]) -> str:
    """An SVG document of this size, with title and description for screen readers."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">\n'
        f"<title>{safe(title)}</title>\n<desc>{safe(described)}</desc>\n<defs>{defs}</defs>\n"
        + "\n".join(body)
        + "\n</svg>\n"
    )
