"""Lengths of time for a person."""

from typing import Final

UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def lasting(seconds: float | None) -> str:
    """A length of time in its two greatest units; a dash where there is none."""
    if seconds is None:
        return "-"
    rest = round(seconds)
    parts = []
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or f"{seconds:g} s"
