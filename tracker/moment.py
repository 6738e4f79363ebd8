"""Moments as people and programs write them: `2026-01-05T10:42:00Z`, `2026-01-05 7:05`, `5 Jan 2026 10.42`.

A text that can be read in two ways is no moment: `candidates` names the formats of which somebody must choose one.
A span of time has two of them as its ends.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
_LONG_MONTHS: Final = frozenset(
    {"january", "february", "march", "april", "june", "july", "august", "sept", "september", "october", "november",
     "december"}
)  # fmt: skip
_YEAR_FIRST: Final = (
    r"(?P<y>\d{4})(?P<sign>[-/.])(?P<mo>\d{1,2})(?P=sign)(?P<d>\d{1,2})|(?P<y8>\d{4})(?P<mo8>\d\d)(?P<d8>\d\d)"
)
_NAMED: Final = (
    r"(?P<dn>\d{1,2})\.?[ -](?P<mn>[A-Za-z]{3,9})\.?,?[ -](?P<yn>\d{4})"
    r"|(?P<mn2>[A-Za-z]{3,9})\.? (?P<dn2>\d{1,2}),? (?P<yn2>\d{4})"
)
# After the hours a dot is how Finland, Denmark and Italy write a colon: it never begins a fraction of an hour.
_CLOCK: Final = (
    r"(?P<h>\d{1,2})(?:(?P<colon>[:.])(?P<m>\d\d)(?:(?P=colon)(?P<s>\d\d)(?:(?<=:\d\d)[.,](?P<f>\d{1,9}))?)?"
    r"|(?P<m4>\d\d)(?P<s4>\d\d)?)(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_OFFSET: Final = r" ?(?P<utc>Z|z|UTC|GMT)| ?(?P<plus>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?"
_MOMENT: Final = re.compile(rf"(?:{_YEAR_FIRST}|{_NAMED})(?:(?:[Tt]|,? )(?:{_CLOCK})(?:{_OFFSET})?)?", re.ASCII)
_DAY_OR_MONTH_FIRST: Final = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d\d)(?:(,? )(\d{1,2})([:.])\d\d(\7\d\d)?( ?[AaPp][Mm])?)?", re.ASCII
)
_HAS_SECONDS: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}").match
_LONGEST: Final = 64
_SECONDS_BELOW: Final = 100_000_000_000
"""Numbers below it are seconds since 1970 (until the year 5138), others milliseconds (from 1973 on)."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of time; both ends belong to it, and without one it is open there."""

    since_ms: int | None = None
    until_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Whether a moment is in the span."""
        return (self.since_ms is None or at_ms >= self.since_ms) and (self.until_ms is None or at_ms <= self.until_ms)


ALL_TIME: Final = TimeSpan()


def of_number(since_1970: float) -> int:
    """Milliseconds since 1970, of a number of seconds or of milliseconds."""
    return round(since_1970 * 1000) if abs(since_1970) < _SECONDS_BELOW else round(since_1970)


def milliseconds(text: str, zone: tzinfo = UTC) -> int | None:
    """Milliseconds since 1970; without an offset the text is a time in the zone. None where it is no moment."""
    text = text.strip()
    try:
        # ISO 8601 is read by the faster function, which takes `10.42` and `10:42.5` for fractions.
        if ("." not in text and "," not in text) or _HAS_SECONDS(text):
            try:
                moment = datetime.fromisoformat(text)
                return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
            except ValueError:
                pass
        found = _MOMENT.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None:
            return None
        moment = _read(found)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _read(found: re.Match[str]) -> datetime:
    """Raises ValueError for a month, day or hour that does not exist."""
    part = found.group
    month = part("mn") or part("mn2")
    day = int(part("d") or part("d8") or part("dn") or part("dn2"))
    year = int(part("y") or part("y8") or part("yn") or part("yn2"))
    number = _month(month) if month else int(part("mo") or part("mo8"))
    hour, half = int(part("h") or 0), part("half")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of half a day")
        hour = hour % 12 + 12 * (half in "Pp")
    fraction = (part("f") or "").ljust(6, "0")[:6]
    clock = (hour, int(part("m") or part("m4") or 0), int(part("s") or part("s4") or 0), int(fraction))
    return datetime(year, number, day, *clock, tzinfo=_offset(found))


def _month(name: str) -> int:
    word = name.lower()
    if word not in _MONTHS and word not in _LONG_MONTHS:
        raise ValueError("no month")
    return _MONTHS[word[:3]]


def _offset(found: re.Match[str]) -> tzinfo | None:
    if found["utc"]:
        return UTC
    if not found["plus"]:
        return None
    ahead = timedelta(hours=int(found["oh"]), minutes=int(found["om"] or 0))
    return timezone(-ahead if found["plus"] == "-" else ahead)


def candidates(text: str) -> list[str]:
    """The formats (as `strptime` takes them) of a date that begins with the day or the month; the likelier first."""
    found = _DAY_OR_MONTH_FIRST.fullmatch(text.strip())
    if found is None:
        return []
    first, sign, second, year, gap, _, colon, seconds, half = found.groups()
    clock = ""
    if gap:
        hour = "%I" if half else "%H"
        clock = (
            f"{gap}{hour}{colon}%M{f'{colon}%S' if seconds else ''}{half.replace(half.strip(), '%p') if half else ''}"
        )
    years = "%Y" if len(year) == 4 else "%y"
    day_first, month_first = (f"%{one}{sign}%{other}{sign}{years}{clock}" for one, other in ("dm", "md"))
    if int(first) > 12 >= int(second):
        return [day_first]
    if int(second) > 12 >= int(first):
        return [month_first]
    return [day_first, month_first]
