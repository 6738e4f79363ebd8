"""How long something took, for people: `1 h 59 min`. (`tracker/duration.py` reads durations that people write.)"""

from typing import Final

UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def lasting(seconds: float | None) -> str:
    """A duration in its two largest units, such as `1 h 59 m`; a dash for None."""
    if seconds is None:
        return "-"
    rest = round(seconds)
    parts = []
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or f"{seconds:g} s"
