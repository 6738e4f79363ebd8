"""Contributions: what one state adds to the figures. The one place that knows the names of the aggregates.

A field is `journey|figure|…`, at its end `segment=value` where it breaks a figure down (all but the histograms and
`corrections`: a histogram for every value is more than anyone looks at):

| field | counts |
|---|---|
| `j|cohort|day` | instances whose journey began on this UTC day |
| `j|current|stage|status` | instances in the stage now, by status |
| `j|reached|day|stage|days` | instances of the cohort that ever reached the stage, by the fewest of WITHIN days |
| `j|funnel|day|stage` | those of the cohort whose funnel depth is exactly this stage ("at least": sum the later ones) |
| `j|visits|stage` | times the stage was entered |
| `j|dropoffs|stage`, `j|recoveries|stage` | drop-offs in the stage ever, and those that ended |
| `j|completions|stage` | instances that reached this stage, a goal |
| `j|exits|stage` | instances that have left the journey, by stage |
| `j|stay|stage|bucket` | instances that have left the stage, by time spent in it |
| `j|seconds|stage` | whole seconds spent in the stage by those that have left it |
| `j|convert|stage|bucket` | instances that reached the stage later than they began, by the time it took |
| `j|convert_seconds|stage` | whole seconds that it took them |
| `j|feedback|kind|score` | instances whose latest answer of this kind (nps, csat, ces) was this score |
| `j|corrections` | late touchpoints that changed what had been reported |
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from tracker.definition import Definition
from tracker.feedback import Answers, latest
from tracker.matcher import FIRST_VALUE, OTHER
from tracker.state import Instance, Progress

STATUSES: Final = ("active", "waiting", "dropped", "completed", "exited")
DAY_MS: Final = 24 * 3600 * 1000

# Days from the beginning of a journey, end point inclusive, for conversion within so many; the last is `inf`.
WITHIN_DAYS: Final = (1, 7, 28)
WITHIN: Final = (*map(str, WITHIN_DAYS), "inf")
_WITHIN_MS: Final = tuple(days * DAY_MS for days in WITHIN_DAYS)
MAX_NAMES: Final = 2000


class Field(NamedTuple):
    """A field name, read."""

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


# What stands between the figure and the segment.
FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "cohort": ("day",),
    "current": ("stage", "status"),
    "reached": ("day", "stage", "days"),
    "funnel": ("day", "stage"),
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
    """What the buckets with these upper bounds are called in fields: whole seconds, the last one `inf`."""
    return (*(str(bound_ms // 1000) for bound_ms in bounds_ms), "inf")


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


def began_ms(progress: Progress) -> int | None:
    """When the journey began: its first touchpoint that matched a stage; None before that."""
    firsts = [at for at in progress.first if at is not None]
    return progress.zero_ms + min(firsts) if firsts else None


class Facts(NamedTuple):
    """What of a state the figures depend on. Those taken before a change hold copies of the lists that it changes."""

    zero_ms: int
    stage: int
    """-1 before the journey begins: then there are no figures."""
    status: int
    depth: int
    first: list[int | None]
    visits: list[int]
    spent: list[int]
    gaps: list[int]
    segments: list[int]
    corrections: int
    feedback: Answers

    def began_ms(self) -> int:
        """When the journey began."""
        return self.zero_ms + _least(self.first)


NOTHING: Final = Facts(0, -1, 0, 0, [], [], [], [], [], 0, ())
_STATUS: Final = {name: place for place, name in enumerate(STATUSES)}
_DROPPED, _EXITED = _STATUS["dropped"], _STATUS["exited"]


class _Names(NamedTuple):
    """The fields of one cohort day and one set of segment values: each figure as a whole, then by segment."""

    cohort: tuple[str, ...]
    current: tuple[tuple[tuple[str, ...], ...], ...]
    """By stage and status."""
    reached: tuple[tuple[tuple[str, ...], ...], ...]
    """By stage and WITHIN."""
    funnel: tuple[tuple[str, ...], ...]
    visits: tuple[tuple[str, ...], ...]
    dropoffs: tuple[tuple[str, ...], ...]
    recoveries: tuple[tuple[str, ...], ...]
    exits: tuple[tuple[str, ...], ...]
    ends: tuple[str, ...]


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
        # Where a customer neither dropped off nor left: by stage.
        self._calm = tuple(
            _STATUS["completed"] if goal else _STATUS["active" if limit is None else "waiting"]
            for goal, limit in zip(self._goals, self._limits, strict=True)
        )
        buckets = definition.buckets
        self._stays = _Histogram(self._journey, self._stages, "stay", "seconds", buckets.stay_ms)
        self._converts = _Histogram(self._journey, self._stages, "convert", "convert_seconds", buckets.convert_ms)
        self._corrections = f"{self._journey}|corrections"
        self._names: dict[tuple[int, ...], _Names] = {}

    def status(self, progress: Progress) -> str | None:
        """One of STATUSES; None before the journey begins."""
        return STATUSES[self._status(progress)] if progress.stage >= 0 else None

    def _status(self, progress: Progress) -> int:
        if progress.exited is not None:
            return _EXITED
        return _DROPPED if progress.is_dropped else self._calm[progress.stage]

    def segment_values(self, progress: Progress) -> list[tuple[str, str]]:
        """The declared value of every segment, `other` where there is none."""
        return self._values(progress.segments)

    def _values(self, codes: Iterable[int]) -> list[tuple[str, str]]:
        return [
            (name, values[code - FIRST_VALUE] if code > OTHER else "other")
            for (name, values), code in zip(self._segments, codes, strict=True)
        ]

    def facts(self, instance: Instance) -> Facts:
        """What the figures of an instance depend on, as long as it is not changed."""
        progress = instance.progress
        return Facts(
            progress.zero_ms,
            progress.stage,
            self._status(progress),
            progress.depth,
            progress.first,
            progress.visits,
            progress.spent,
            progress.gaps,
            progress.segments,
            instance.corrections,
            instance.feedback,
        )

    def facts_before(self, instance: Instance) -> Facts:
        """The same, to keep while the instance is changed in place."""
        progress = instance.progress
        return Facts(
            progress.zero_ms,
            progress.stage,
            self._status(progress),
            progress.depth,
            progress.first.copy(),
            progress.visits.copy(),
            progress.spent.copy(),
            progress.gaps.copy(),
            progress.segments.copy(),
            instance.corrections,
            instance.feedback,
        )

    def vector(self, instance: Instance) -> dict[str, int]:
        """What an instance adds to every aggregate."""
        fields: dict[str, int] = {}
        self._add(fields, self.facts(instance), 1)
        return fields

    def change(self, fields: dict[str, int], before: Facts, after: Facts) -> None:
        """Add to `fields` what changed between two states of an instance; fields that come to 0 may stay."""
        if before == after:
            return
        if before.stage >= 0 and after.stage >= 0 and before.segments == after.segments:
            day = after.began_ms() // DAY_MS
            # Usually the journey's beginning stays, and need not be found twice.
            if (before.zero_ms == after.zero_ms and before.first == after.first) or before.began_ms() // DAY_MS == day:
                self._change(fields, before, after, self._names_of(day, after.segments))
                return
        self._add(fields, before, -1)
        self._add(fields, after, 1)

    def _change(self, fields: dict[str, int], before: Facts, after: Facts, names: _Names) -> None:
        """What changed where cohort and segments did not: only the fields that differ are touched."""
        if before.stage != after.stage or before.status != after.status:
            self._add_current(fields, names, before, -1)
            self._add_current(fields, names, after, 1)
        if before.depth != after.depth:
            if before.depth:
                _count(fields, names.funnel[before.depth - 1], -1)
            if after.depth:
                _count(fields, names.funnel[after.depth - 1], 1)
        if before.first != after.first:
            self._change_reached(fields, before, after, names)
        if before.visits != after.visits or before.spent != after.spent or before.status != after.status:
            self._change_visits(fields, before, after, names)
        if before.gaps != after.gaps or before.status != after.status or before.status == _DROPPED:
            self._add_gaps(fields, names, before, -1)
            self._add_gaps(fields, names, after, 1)
        if before.corrections != after.corrections:
            _count(fields, (self._corrections,), after.corrections - before.corrections)
        if before.feedback != after.feedback:
            self._add_feedback(fields, names, before, -1)
            self._add_feedback(fields, names, after, 1)

    def _change_reached(self, fields: dict[str, int], before: Facts, after: Facts, names: _Names) -> None:
        began, begins = _least(before.first), _least(after.first)
        for stage, at in enumerate(after.first):
            was = before.first[stage]
            if was is None:
                if at is not None:
                    self._add_reached(fields, names, stage, at - begins, 1)
            elif at is None or at - begins != was - began:
                self._add_reached(fields, names, stage, was - began, -1)
                if at is not None:
                    self._add_reached(fields, names, stage, at - begins, 1)

    def _change_visits(self, fields: dict[str, int], before: Facts, after: Facts, names: _Names) -> None:
        was_in = -1 if before.status == _EXITED else before.stage
        is_in = -1 if after.status == _EXITED else after.stage
        for stage, visits in enumerate(after.visits):
            visited, spent, spends = before.visits[stage], before.spent[stage], after.spent[stage]
            if visited != visits:
                _count(fields, names.visits[stage], visits - visited)
            elif spent == spends and (stage == was_in) == (stage == is_in):
                continue
            if visited > (stage == was_in):
                self._stays.add(fields, stage, spent, -1)
            if visits > (stage == is_in):
                self._stays.add(fields, stage, spends, 1)

    @staticmethod
    def _add_current(fields: dict[str, int], names: _Names, facts: Facts, sign: int) -> None:
        _count(fields, names.current[facts.stage][facts.status], sign)
        if facts.status == _EXITED:
            _count(fields, names.exits[facts.stage], sign)

    def _add(self, fields: dict[str, int], facts: Facts, sign: int) -> None:
        """Everything that a state adds, times `sign`."""
        if facts.stage < 0:
            return
        began = _least(facts.first)
        names = self._names_of((facts.zero_ms + began) // DAY_MS, facts.segments)
        _count(fields, names.cohort, sign)
        self._add_current(fields, names, facts, sign)
        if facts.depth:
            _count(fields, names.funnel[facts.depth - 1], sign)
        is_in = -1 if facts.status == _EXITED else facts.stage
        for stage, visits in enumerate(facts.visits):
            if visits:
                _count(fields, names.visits[stage], sign * visits)
            at = facts.first[stage]
            if at is not None:
                self._add_reached(fields, names, stage, at - began, sign)
            if visits > (stage == is_in):
                self._stays.add(fields, stage, facts.spent[stage], sign)
        self._add_gaps(fields, names, facts, sign)
        if facts.feedback:
            self._add_feedback(fields, names, facts, sign)
        if facts.corrections:
            _count(fields, (self._corrections,), sign * facts.corrections)

    def _add_reached(self, fields: dict[str, int], names: _Names, stage: int, took_ms: int, sign: int) -> None:
        _count(fields, names.reached[stage][bisect_left(_WITHIN_MS, took_ms)], sign)
        # Who began in the stage did not convert to it.
        if took_ms:
            self._converts.add(fields, stage, took_ms, sign)

    def _add_feedback(self, fields: dict[str, int], names: _Names, facts: Facts, sign: int) -> None:
        for kind, score in latest(facts.feedback):
            _count(fields, tuple(f"{self._journey}|feedback|{kind}|{score}{end}" for end in names.ends), sign)

    @staticmethod
    def _add_gaps(fields: dict[str, int], names: _Names, facts: Facts, sign: int) -> None:
        for stage, gaps in enumerate(facts.gaps):
            if gaps:
                _count(fields, names.recoveries[stage], sign * gaps)
                _count(fields, names.dropoffs[stage], sign * gaps)
        if facts.status == _DROPPED:
            _count(fields, names.dropoffs[facts.stage], sign)

    def _names_of(self, day: int, segments: list[int]) -> _Names:
        key = (day, *segments)
        names = self._names.get(key)
        if names is None:
            names = self._make_names(day, segments)
            # Bounded: a replay of history brings many days, each with a few segment values.
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            self._names[key] = names
        return names

    def _make_names(self, day: int, codes: list[int]) -> _Names:
        cohort = day_of(day * DAY_MS)
        ends = ["", *(f"|{name}={value}" for name, value in self._values(codes))]

        def fields(*parts: str) -> tuple[str, ...]:
            whole = "|".join((self._journey, *parts))
            return tuple(whole + end for end in ends)

        def reached(stage: str, goal: bool) -> tuple[tuple[str, ...], ...]:
            completions = fields("completions", stage) if goal else ()
            return tuple(fields("reached", cohort, stage, days) + completions for days in WITHIN)

        stages = self._stages
        return _Names(
            fields("cohort", cohort),
            tuple(tuple(fields("current", stage, status) for status in STATUSES) for stage in stages),
            tuple(reached(stage, goal) for stage, goal in zip(stages, self._goals, strict=True)),
            tuple(fields("funnel", cohort, stage) for stage in stages),
            tuple(fields("visits", stage) for stage in stages),
            tuple(fields("dropoffs", stage) for stage in stages),
            tuple(fields("recoveries", stage) for stage in stages),
            tuple(fields("exits", stage) for stage in stages),
            tuple(ends),
        )


class _Histogram:
    """The fields of a histogram by stage: counts by bucket, and the sum in whole seconds."""

    def __init__(
        self, journey: str, stages: tuple[str, ...], figure: str, sums: str, bounds_ms: tuple[int, ...]
    ) -> None:
        self._bounds_ms = bounds_ms
        buckets = bucket_names(bounds_ms)
        self._counts = tuple(tuple(f"{journey}|{figure}|{stage}|{bucket}" for bucket in buckets) for stage in stages)
        self._sums = tuple(f"{journey}|{sums}|{stage}" for stage in stages)

    def add(self, fields: dict[str, int], stage: int, took_ms: int, sign: int) -> None:
        """Count a time once, or take it back."""
        field = self._counts[stage][bisect_left(self._bounds_ms, took_ms)]
        fields[field] = fields.get(field, 0) + sign
        if took_ms >= 1000:
            field = self._sums[stage]
            fields[field] = fields.get(field, 0) + sign * (took_ms // 1000)


def _least(first: list[int | None]) -> int:
    return min([at for at in first if at is not None])


def _count(fields: dict[str, int], names: tuple[str, ...], count: int) -> None:
    for name in names:
        fields[name] = fields.get(name, 0) + count
