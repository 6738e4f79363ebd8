"""The curve of feelings: how the customer feels from stage to stage, as a line with faces.

It knows moods from -2 to 2 and the places of the columns.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from tracker.maps import svg
from tracker.maps.colours import FAINT, INK, MOODS, PAPER, SOFT

HEIGHT: Final = 172.0
EDGE: Final = 26.0
SHADE: Final = "#6d4bc3"
EVEN: Final = "#c9bfe6"
UNEVEN: Final = "#dcd4f0"
WORDS: Final = {2: "delighted", 1: "good", 0: "neutral", -1: "uneasy", -2: "bad"}
Point = tuple[float, float, int]


def gradients(top: float) -> str:
    """The line's colours from good at the top to bad at the bottom."""
    moods = sorted(MOODS, reverse=True)
    stops = [f'<stop offset="{place / 4:.2f}" stop-color="{MOODS[mood]}"/>' for place, mood in enumerate(moods)]
    ends = f'x1="0" x2="0" y1="{svg.number(top + EDGE)}" y2="{svg.number(top + HEIGHT - EDGE)}"'
    return f'<linearGradient id="mood" gradientUnits="userSpaceOnUse" {ends}>{"".join(stops)}</linearGradient>'


def curve(top: float, left: float, right: float, middles: Sequence[float], moods: Sequence[int | None],
          today: Sequence[int | None]) -> list[str]:  # fmt: skip
    """The curve of these moods; `today`, where given, is drawn dashed behind it."""
    drawn = _grid(top, left, right)
    if today:
        points = _points(top, middles, today)
        drawn.append(svg.path(_smooth(points), stroke=FAINT, width=2, dash="1 6"))
        drawn += [svg.circle(x, y, 4.5, fill=PAPER, stroke=FAINT, width=1.6) for x, y, _ in points]
    points = _points(top, middles, moods)
    floor = top + HEIGHT - 1
    if len(points) > 1:
        ends = [f"L{svg.number(points[place][0])} {svg.number(floor)}" for place in (-1, 0)]
        drawn.append(f'<g opacity="0.07">{svg.path(" ".join([_smooth(points), *ends]) + "Z", fill=SHADE)}</g>')
        drawn.append(svg.path(_smooth(points), stroke=_stroke(points), width=3.5))
    for point in points:
        drawn += _face(point)
    return drawn + (_legend(top, right) if today else [])


def _points(top: float, middles: Sequence[float], moods: Sequence[int | None]) -> list[Point]:
    step = (HEIGHT - 2 * EDGE) / 4
    return [
        (x, top + EDGE + (2 - mood) * step, mood) for x, mood in zip(middles, moods, strict=True) if mood is not None
    ]


def _stroke(points: list[Point]) -> str:
    # A gradient has no colour on a line without height: a level curve takes the colour of its mood.
    return MOODS[points[0][2]] if len({mood for _, _, mood in points}) == 1 else "url(#mood)"


def _smooth(points: list[Point]) -> str:
    """A path through all points that never overshoots them: level at each."""
    if not points:
        return ""
    steps = [f"M{svg.number(points[0][0])} {svg.number(points[0][1])}"]
    for (x1, y1, _), (x2, y2, _) in pairwise(points):
        bend = (x2 - x1) * 0.45
        numbers = (x1 + bend, y1, x2 - bend, y2, x2, y2)
        steps.append("C" + " ".join(svg.number(each) for each in numbers))
    return " ".join(steps)


def _grid(top: float, left: float, right: float) -> list[str]:
    step = (HEIGHT - 2 * EDGE) / 4
    drawn = []
    for place in range(5):
        y = top + EDGE + place * step
        middle = place == 2
        drawn.append(svg.line(left, y, right, y, stroke=EVEN if middle else UNEVEN, dash="" if middle else "2 5"))
    for words, y in (("good", top + EDGE), ("bad", top + HEIGHT - EDGE)):
        drawn.append(svg.text(left + 2, y - 4, words, size=11, fill=SOFT))
    return drawn


def _face(point: Point) -> list[str]:
    x, y, mood = point
    bend = mood * 2.6
    mouth = f"M{svg.number(x - 5)} {svg.number(y + 4.2 - bend / 2.5)}q5 {svg.number(bend)} 10 0"
    return [
        f"<g><title>{WORDS[mood]}</title>",
        svg.circle(x, y, 12.5, fill=MOODS[mood], stroke=PAPER, width=3),
        svg.circle(x - 4, y - 3, 1.6, fill=PAPER),
        svg.circle(x + 4, y - 3, 1.6, fill=PAPER),
        svg.path(mouth, stroke=PAPER, width=1.8),
        "</g>",
    ]


def _legend(top: float, right: float) -> list[str]:
    y = top + HEIGHT - 11
    return [
        svg.line(right - 166, y - 4, right - 142, y - 4, stroke=FAINT, width=2, dash="1 6"),
        svg.text(right - 136, y, "today", size=11, fill=SOFT),
        svg.line(right - 92, y - 4, right - 68, y - 4, stroke=MOODS[2], width=3.5),
        svg.text(right - 62, y, "as it shall be", size=11, fill=INK),
    ]
