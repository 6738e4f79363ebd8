"""Fields: the names of the figures, written and read. No other file knows their form.

A field is `journey|figure|…`. It ends in `segment=value` where it breaks a figure down by segment. Histograms and
`corrections` are not broken down: a histogram for every value is more than anyone reads.

| field | counts |
|---|---|
| `j|cohort|day` | instances whose journey began on this UTC day; `before`: too long before they were received |
| `j|current|stage|status` | instances in the stage now, by status |
| `j|reached|day|stage|days` | instances of the cohort that ever reached the stage, by the smallest WITHIN they met |
| `j|funnel|day|stage` | those of the cohort whose funnel depth is exactly this stage ("at least": sum the later ones) |
| `j|taken|day|stage` | those of the cohort of whom a funnel chain took this stage, an optional one |
| `j|visits|stage` | times the stage was entered |
| `j|dropoffs|stage`, `j|recoveries|stage` | drop-offs in the stage ever, and those that ended |
| `j|completions|stage` | instances that reached this stage, a goal |
| `j|exits|stage` | instances that have left the journey, by stage |
| `j|stay|stage|bucket` | instances that have left the stage, by time spent in it |
| `j|seconds|stage` | whole seconds spent in the stage by those that have left it |
| `j|convert|stage|bucket` | instances that reached the stage later than they began, by the time it took |
| `j|convert_seconds|stage` | whole seconds that the instances of `convert` took |
| `j|feedback|kind|score` | instances whose latest answer of this kind (nps, csat, ces) was this score |
| `j|corrections` | late touchpoints that changed what had been reported |
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tracker.journey.definition import WITHIN_DAYS

DAY_MS: Final = 24 * 3600 * 1000
BEFORE_ALL: Final = "before"
"""In place of a day: before all days that have a cohort of their own (docs/decisions/0045-cohorts-before.md)."""
BEFORE: Final = -1
"""The same as the number of a day."""


class FieldName(NamedTuple):
    """A field name in its parts."""

    journey: str
    figure: str
    day: str | None = None
    stage: str | None = None
    status: str | None = None
    bucket: str | None = None
    days: str | None = None
    kind: str | None = None
    score: str | None = None
    segment: str | None = None
    value: str | None = None


# By figure: the parts between the figure and the segment.
FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "cohort": ("day",),
    "current": ("stage", "status"),
    "reached": ("day", "stage", "days"),
    "funnel": ("day", "stage"),
    "taken": ("day", "stage"),
    "visits": ("stage",),
    "dropoffs": ("stage",),
    "recoveries": ("stage",),
    "completions": ("stage",),
    "exits": ("stage",),
    "stay": ("stage", "bucket"),
    "seconds": ("stage",),
    "convert": ("stage", "bucket"),
    "convert_seconds": ("stage",),
    "feedback": ("kind", "score"),
    "corrections": (),
}
_ESCAPES: Final = str.maketrans({"%": "%25", "|": "%7C", "=": "%3D"})


def bucket_names(bounds_ms: Iterable[int]) -> tuple[str, ...]:
    """The names of buckets with these upper bounds: whole seconds, and `inf` for the last."""
    return (*(str(bound_ms // 1000) for bound_ms in bounds_ms), "inf")


def escape(name: str) -> str:
    """A name with the separators of fields escaped."""
    return name.translate(_ESCAPES)


def unescape(name: str) -> str:
    """The name that `escape` was given."""
    return name.replace("%7C", "|").replace("%3D", "=").replace("%25", "%") if "%" in name else name


def parse(field: str) -> FieldName:
    """A field name in its parts; raises ValueError for any other text."""
    journey, _, rest = field.partition("|")
    figure, *parts = rest.split("|")
    names = FIGURES.get(figure)
    if names is None or len(parts) not in (len(names), len(names) + 1):
        raise ValueError(f"{field!r} is no aggregate")
    values: dict[str, str] = {name: unescape(part) for name, part in zip(names, parts, strict=False)}
    if len(parts) > len(names):
        segment, _, value = parts[-1].partition("=")
        values |= {"segment": unescape(segment), "value": unescape(value)}
    return FieldName(unescape(journey), figure, **values)


def cohort_day(began_ms: int, cohorts_from: int) -> int:
    """The day of a beginning, counted from 1970; BEFORE where it is earlier than the first cohort."""
    day = began_ms // DAY_MS
    return day if day >= cohorts_from else BEFORE


def cohort_of(day: int) -> str:
    """The name of a cohort day as `cohort_day` counts it."""
    return BEFORE_ALL if day == BEFORE else day_of(day * DAY_MS)


def day_of(at_ms: int) -> str:
    """The UTC day of a moment, as `2026-11-22`."""
    # The civil date from a day number (the proleptic Gregorian calendar): no clock, no time zone, no range limit.
    days = at_ms // DAY_MS + 719468
    era = days // 146097
    of_era = days - era * 146097
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return f"{year_of_era + era * 400 + (month <= 2):04d}-{month:02d}-{day:02d}"


WITHIN: Final = (*map(str, WITHIN_DAYS), "inf")
