"""Durations as people write them (`30d`, `90m`, `1d12h`), in milliseconds.

It knows no calendar: a day is 24 hours and a week is 7 days.
"""

import re
from typing import Final

UNITS_MS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
SHAPE: Final = r"^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
LONGEST_MS: Final = 3_660 * UNITS_MS["d"]
"""Ten years. On a command line a longer duration is a typing error."""
LONGEST_MOMENT_MS: Final = 1_000_000 * UNITS_MS["d"]
"""For a touchpoint of an example: its time has to fit into the 48 bits of the log, and into a calendar."""
LONGEST_WINDOW_MS: Final = 30_000_000_000 * UNITS_MS["d"]
"""For what only differences of times are compared with, windows and `drops_after`: such a duration after any time still
fits into 64 bits. Eighty million years are as long as anybody likes."""
WORDS: Final = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w",
}  # fmt: skip


class DurationError(ValueError):
    """A text that is no duration, with the remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def parse(text: str, longest_ms: int = LONGEST_MS) -> int:
    """The milliseconds that `30d` or `1d12h` means; larger units come first, each at most once.

    Raises DurationError, also for one that is longer than `longest_ms`.
    """
    cleaned = text.strip()
    if not cleaned or len(cleaned) > 40 or not (found := re.fullmatch(SHAPE, cleaned, re.ASCII)):
        raise DurationError(f"{text[:40]!r} is no duration", _remedy(cleaned))
    total = sum(int(part[:-1]) * UNITS_MS[part[-1]] for part in found.groups() if part)
    if total > longest_ms:
        days = longest_ms // UNITS_MS["d"]
        raise DurationError(f"{cleaned} is longer than {days} days", f"write a duration up to {days}d")
    return total


def show(duration_ms: int) -> str:
    """The shortest way to write a duration: `30d`, `1d12h`, `0s`."""
    parts, rest = [], duration_ms // 1000
    for unit, unit_ms in UNITS_MS.items():
        if unit == "w":
            continue  # 14d is as clear as 2w, and 30d is clearer than 4w2d
        count, rest = divmod(rest, unit_ms // 1000)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _remedy(text: str) -> str:
    lowered = text.casefold()
    if lowered.startswith("-"):
        return "a duration counts forward: write it without the minus sign, such as 30d"
    if re.fullmatch(r"[0-9]{1,12}", lowered, re.ASCII):
        return f"add a unit: {lowered}s, {lowered}m, {lowered}h, {lowered}d or {lowered}w"
    if found := re.fullmatch(r"([0-9]{1,12}) *([a-z]+?)s?\.?", lowered, re.ASCII):
        unit = WORDS.get(found[2], found[2])
        if unit in UNITS_MS:
            return f"write {found[1]}{unit}"
        if unit in ("month", "mo", "year", "yr", "y"):
            days = int(found[1]) * (30 if unit.startswith("mo") else 365)
            return f"months and years differ in length: write days, such as {days}d"
    return "write a whole number and a unit s, m, h, d or w, such as 30d or 1d12h"
