"""Contributions: what one state adds to the figures. The one place that knows the names of the aggregates.

A field is `journey|figure|…`, at its end `segment=value` where it breaks a figure down:

| field | counts |
|---|---|
| `j|cohort|day` | instances whose journey began on this UTC day |
| `j|current|stage|status` | instances in the stage now, by status |
| `j|reached|day|stage` | instances of the cohort that ever reached the stage |
| `j|funnel|day|stage` | instances of the cohort whose funnel depth is exactly this stage (sum from the last stage for "at least") |
| `j|visits|stage` | times the stage was entered |
| `j|dropoffs|stage`, `j|recoveries|stage` | drop-offs in the stage ever, and those that ended |
| `j|completions|stage` | instances that reached this stage, a goal |
| `j|exits|stage` | instances that have left the journey, by stage |
| `j|stay|stage|bucket` | instances that have left the stage, by time spent in it |
| `j|seconds|stage` | whole seconds spent in the stage by those that have left it |
| `j|corrections` | late touchpoints that changed what had been reported |
"""

from typing import Final, NamedTuple

from tracker.definition import Definition
from tracker.matcher import FIRST_VALUE, OTHER
from tracker.state import Instance, Progress

STATUSES: Final = ("active", "waiting", "dropped", "completed", "exited")
DAY_MS: Final = 24 * 3600 * 1000

# Upper bounds in seconds, inclusive; the last bucket is `inf`.
BUCKETS_S: Final = (60, 600, 3600, 21600, 86400, 259200, 604800, 2592000, 7776000)


class Field(NamedTuple):
    """A field name, read."""

    journey: str
    figure: str
    day: str | None = None
    stage: str | None = None
    status: str | None = None
    bucket: str | None = None
    segment: str | None = None
    value: str | None = None


# What stands between the figure and the segment.
FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "cohort": ("day",),
    "current": ("stage", "status"),
    "reached": ("day", "stage"),
    "funnel": ("day", "stage"),
    "visits": ("stage",),
    "dropoffs": ("stage",),
    "recoveries": ("stage",),
    "completions": ("stage",),
    "exits": ("stage",),
    "stay": ("stage", "bucket"),
    "seconds": ("stage",),
    "corrections": (),
}
# These are not broken down by segment: a histogram for every value is more than anyone looks at.
_WHOLE: Final = frozenset(("stay", "seconds", "corrections"))
_ESCAPES: Final = str.maketrans({"%": "%25", "|": "%7C", "=": "%3D"})


def escape(name: str) -> str:
    """A name that can stand in a field."""
    return name.translate(_ESCAPES)


def unescape(name: str) -> str:
    """The name that `escape` was given."""
    return name.replace("%7C", "|").replace("%3D", "=").replace("%25", "%")


def parse(field: str) -> Field:
    """A field name in its parts; raises ValueError for a name that is none."""
    journey, _, rest = field.partition("|")
    figure, *parts = rest.split("|")
    names = FIGURES.get(figure)
    if names is None or len(parts) not in (len(names), len(names) + 1):
        raise ValueError(f"{field!r} is no aggregate")
    values: dict[str, str] = {name: unescape(part) for name, part in zip(names, parts, strict=False)}
    if len(parts) > len(names):
        segment, _, value = parts[-1].partition("=")
        values |= {"segment": unescape(segment), "value": unescape(value)}
    return Field(unescape(journey), figure, **values)


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


def bucket_of(spent_ms: int) -> str:
    """The bucket of a time spent in a stage."""
    return next((str(bound) for bound in BUCKETS_S if spent_ms <= bound * 1000), "inf")


def began_ms(progress: Progress) -> int | None:
    """When the journey began: its first touchpoint that matched a stage; None before that."""
    firsts = [at for at in progress.first if at is not None]
    return progress.zero_ms + min(firsts) if firsts else None


class Contributor:
    """The contributions of one journey's states."""

    def __init__(self, definition: Definition) -> None:
        self._journey = escape(definition.journey)
        self._stages = tuple(escape(stage.name) for stage in definition.stages)
        self._limits = tuple(stage.drops_after_ms for stage in definition.stages)
        self._goals = tuple(stage.goal for stage in definition.stages)
        self._segments = tuple(
            (escape(segment.name), tuple(escape(value) for value in segment.values)) for segment in definition.segments
        )

    def status(self, progress: Progress) -> str | None:
        """One of STATUSES; None before the journey begins."""
        if progress.stage < 0:
            return None
        if progress.exited is not None:
            return "exited"
        if progress.is_dropped:
            return "dropped"
        if self._goals[progress.stage]:
            return "completed"
        return "active" if self._limits[progress.stage] is None else "waiting"

    def segment_values(self, progress: Progress) -> list[tuple[str, str]]:
        """The declared value of every segment, `other` where there is none."""
        return [
            (name, values[code - FIRST_VALUE] if code > OTHER else "other")
            for (name, values), code in zip(self._segments, progress.segments, strict=True)
        ]

    def vector(self, instance: Instance) -> dict[str, int]:
        """What this instance adds to every aggregate."""
        progress = instance.progress
        began = began_ms(progress)
        if began is None:
            return {}
        whole = self._figures(progress, day_of(began))
        fields = {f"{self._journey}|{name}": count for name, count in whole.items()}
        for segment, value in self.segment_values(progress):
            for name, count in whole.items():
                if name.partition("|")[0] not in _WHOLE:
                    fields[f"{self._journey}|{name}|{segment}={value}"] = count
        if instance.corrections:
            fields[f"{self._journey}|corrections"] = instance.corrections
        return fields

    def _figures(self, progress: Progress, day: str) -> dict[str, int]:
        stages = self._stages
        current = stages[progress.stage]
        fields = {f"cohort|{day}": 1, f"current|{current}|{self.status(progress)}": 1}
        for place, name in enumerate(stages):
            if progress.first[place] is not None:
                fields[f"reached|{day}|{name}"] = 1
                if self._goals[place]:
                    fields[f"completions|{name}"] = 1
            if progress.visits[place]:
                fields[f"visits|{name}"] = progress.visits[place]
            if progress.visits[place] > (place == progress.stage and progress.exited is None):
                fields[f"stay|{name}|{bucket_of(progress.spent[place])}"] = 1
                fields[f"seconds|{name}"] = progress.spent[place] // 1000
            gaps = progress.gaps[place] if progress.gaps else 0
            fields[f"recoveries|{name}"] = gaps
            fields[f"dropoffs|{name}"] = gaps + (progress.is_dropped and place == progress.stage)
        if progress.depth:
            fields[f"funnel|{day}|{stages[progress.depth - 1]}"] = 1
        if progress.exited is not None:
            fields[f"exits|{current}"] = 1
        return {name: count for name, count in fields.items() if count}


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """`after - before`, without the fields that stay the same."""
    changes = {field: count - before.get(field, 0) for field, count in after.items()}
    changes |= {field: -count for field, count in before.items() if field not in after}
    return {field: count for field, count in changes.items() if count}
