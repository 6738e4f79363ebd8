"""The colours of the journey map: one table for lanes, one for channels, one for moods.

It knows no shape and no text.
"""

from typing import Final

INK: Final = "#1c2733"
SOFT: Final = "#5b6b7b"
FAINT: Final = "#8a97a5"
PAPER: Final = "#ffffff"
EDGE: Final = "#dfe5ec"
BAD: Final = "#b93a32"
GOLD: Final = "#b7791f"

# By row: the strong colour of its sign, and the tint of its band.
LANES: Final = {
    "figures": ("#1f3b73", "#eef2fa"),
    "targets": ("#1d4ed8", "#edf2fe"),
    "touchpoints": ("#475569", "#f2f5f8"),
    "day": ("#b7791f", "#fdf6e6"),
    "physical": ("#8a5a44", "#f8f2ee"),
    "digital": ("#2563a8", "#ecf4fc"),
    "actions": ("#0f766e", "#e8f6f4"),
    "curve": ("#6d4bc3", "#f5f2fd"),
    "feelings": ("#6d4bc3", "#f5f2fd"),
    "pain_points": ("#b93a32", "#fdf0ee"),
    "frontstage": ("#0e7490", "#e8f5f9"),
    "backstage": ("#3f4d5c", "#eef1f4"),
    "support": ("#6b6560", "#f4f3f1"),
    "opportunities": ("#3b8a3e", "#edf7ec"),
    "changes": ("#b45309", "#fdf3e7"),
    "owners": ("#64748b", "#f6f8fa"),
}

CHANNELS: Final = ("#2563a8", "#b45309", "#6d4bc3", "#0f766e", "#a8326e", "#3f4d5c")
MOODS: Final = {2: "#2f9e5b", 1: "#7fb13c", 0: "#e0a92e", -1: "#e0782e", -2: "#c8402f"}

FIRST_STAGE: Final = (31, 59, 115)
LAST_STAGE: Final = (20, 134, 122)


def stage_colour(place: int, count: int) -> str:
    """The colour of a stage's head: from the first to the last in even steps."""
    part = place / (count - 1) if count > 1 else 0
    mixed = [round(a + (b - a) * part) for a, b in zip(FIRST_STAGE, LAST_STAGE, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)
