"""The rows of the funnel's series: values by labels, counted from the figures of one moment.

Label values come from the journey files alone; what Redis holds under other names adds up as `other`. It knows
nothing of Prometheus, and of time only the moment that it is told.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import Final

from streams.figures import Figures
from streams.funnel_series import (
    BY_SEGMENT,
    COHORT_AGE_CUSTOMERS,
    COHORT_AGE_REACHED,
    COHORT_CUSTOMERS,
    COHORT_MATURED,
    COHORT_REACHED,
    DEEP,
    DEEP_BY_SEGMENT,
    FUNNEL,
    JOURNEY_CHANNELS,
    STAGE_PLACE,
    FunnelSeries,
)
from tracker.contribution import BUCKETS, DAY_MS, STATUSES, Field
from tracker.definition import Definition

OTHER: Final = "other"
COHORT_DAYS: Final = (1, 7, 28)
"""The cohorts of so many days are added up: those of today and before, and the newest whose window is closed."""
AGES: Final = 28
"""Cohort days that are shown one by one."""
_EPOCH: Final = date(1970, 1, 1).toordinal()

Labels = tuple[str, ...]
Rows = dict[str, dict[Labels, float]]
Stay = tuple[list[tuple[str, float]], float]
"""A histogram: buckets that add up, and the sum of seconds."""


class FunnelRows:
    """Counts rows for the declared journeys."""

    def __init__(self, definitions: Sequence[Definition], channels: Sequence[str] = ()) -> None:
        self._journeys = {one.journey: _Journey(one, channels) for one in definitions}
        self._zeros = dict(self._declared())
        self._plain = {each.figure: each for each in FUNNEL}
        self._by_segment = {each.figure: each for each in BY_SEGMENT}

    def rows(self, figures: Figures, now_ms: int) -> Rows:
        """By series, its rows at that moment; every declared row is there, also where nothing was counted."""
        rows: Rows = defaultdict(dict, {name: zeros.copy() for name, zeros in self._zeros.items()})
        depths: dict[Labels, int] = defaultdict(int)
        cohorts: dict[tuple[str, str, int], int] = defaultdict(int)
        for field, count in figures.counts.items():
            journey = self._journeys.get(field.journey)
            labels = self._whole(field, journey)
            if field.figure == "funnel":
                if journey and field.stage in journey.stages and (field.segment is None or len(labels) > 1):
                    depths[*labels, field.stage] += count
            elif field.segment is None:
                _add(rows, self._plain.get(field.figure), field, journey, labels, count)
                if journey and field.day is not None and (field.stage is None or field.stage in journey.stages):
                    cohorts[field.journey, field.stage or "", _day(field.day)] += count
            elif len(labels) > 1:
                _add(rows, self._by_segment.get(field.figure), field, journey, labels, count)
        self._add_depths(rows, depths)
        for name, journey in self._journeys.items():
            _add_cohorts(rows, name, journey, {key[1:]: n for key, n in cohorts.items() if key[0] == name}, now_ms)
        return rows

    def stays(self, figures: Figures) -> dict[Labels, Stay]:
        """By journey and stage, the histogram of the time spent there by those who have left."""
        counts: dict[Labels, int] = defaultdict(int)
        for field, count in figures.counts.items():
            if field.figure in {"stay", "seconds"}:
                counts[field.journey, field.stage or "", field.bucket or "sum"] += count
        return {
            (name, stage): (
                list(
                    zip(
                        (*BUCKETS[:-1], "+Inf"),
                        map(float, accumulate(counts[name, stage, bucket] for bucket in BUCKETS)),
                        strict=True,
                    )
                ),
                float(counts[name, stage, "sum"]),
            )
            for name, journey in self._journeys.items()
            for stage in journey.stages
        }

    def _whole(self, field: Field, journey: "_Journey | None") -> Labels:
        """What stands before the parts of a field: the journey, and segment and value where those are declared."""
        if journey is None:
            return (OTHER,)
        if field.segment is None or field.segment not in journey.segments:
            return (field.journey,)
        value = field.value if field.value in journey.segments[field.segment] else OTHER
        return (field.journey, field.segment, str(value))

    def _add_depths(self, rows: Rows, depths: dict[Labels, int]) -> None:
        """At least so deep: each stage with all that come after it."""
        for name, journey in self._journeys.items():
            for whole in journey.wholes(name):
                deep = rows[(DEEP if len(whole) == 1 else DEEP_BY_SEGMENT).name]
                counts = accumulate(depths.get((*whole, stage), 0) for stage in reversed(journey.stages))
                deep.update({(*whole, stage): n for stage, n in zip(reversed(journey.stages), counts, strict=True)})

    def _declared(self) -> Iterator[tuple[str, dict[Labels, float]]]:
        """The rows that a series always has, so that it shows zero before the first customer."""
        for series in (*FUNNEL, *BY_SEGMENT):
            length = 3 if series in BY_SEGMENT else 1
            yield (
                series.name,
                {
                    (*whole, *parts): 0
                    for name, journey in self._journeys.items()
                    for whole in journey.wholes(name)
                    if len(whole) == length
                    for parts in journey.parts(series.parts)
                },
            )
        yield (
            STAGE_PLACE.name,
            {
                (name, stage): place
                for name, journey in self._journeys.items()
                for place, stage in enumerate(journey.stages, 1)
            },
        )
        yield (
            JOURNEY_CHANNELS.name,
            {(name, channel): 1 for name, journey in self._journeys.items() for channel in journey.channels},
        )


class _Journey:
    """The closed sets of one journey."""

    def __init__(self, definition: Definition, channels: Sequence[str]) -> None:
        self.stages = tuple(stage.name for stage in definition.stages)
        self.segments = {segment.name: (*segment.values, OTHER) for segment in definition.segments}
        self.window_ms = definition.funnel.window_ms
        named = {rule.channel for stage in definition.stages for rule in stage.touchpoints}
        # A rule without a channel looks at all of them.
        self.channels = tuple(channel for channel in channels if None in named or channel in named)

    def wholes(self, name: str) -> Iterator[Labels]:
        """The journey, and the journey with each value of each segment."""
        yield (name,)
        for segment, values in self.segments.items():
            for value in values:
                yield (name, segment, value)

    def parts(self, names: tuple[str, ...]) -> list[Labels]:
        """Every combination of stage and status that a series has."""
        if "stage" not in names:
            return [()]
        return [(stage, *end) for stage in self.stages for end in (zip(STATUSES) if "status" in names else [()])]


def _add(
    rows: Rows, series: FunnelSeries | None, field: Field, journey: _Journey | None, whole: Labels, count: int
) -> None:
    if series is not None:
        known = {"stage": journey.stages if journey else (), "status": STATUSES}
        parts = (getattr(field, part) for part in series.parts)
        labels = (*whole, *(v if v in known[part] else OTHER for part, v in zip(series.parts, parts, strict=True)))
        rows[series.name][labels] = rows[series.name].get(labels, 0) + count


def _add_cohorts(rows: Rows, name: str, journey: _Journey, counts: dict[tuple[str, int], int], now_ms: int) -> None:
    """The cohorts of the journey: `counts` are by stage (empty: those who began) and day."""
    today = now_ms // DAY_MS
    window_ms = journey.window_ms
    # A day is closed when the window of the last who could have begun on it is.
    closed = None if window_ms is None else (now_ms - window_ms) // DAY_MS
    begun = {day: n for (stage, day), n in counts.items() if not stage}
    for days in COHORT_DAYS:
        for cohort, last in (("recent", today), ("mature", None if closed is None else closed - 1)):
            if last is None:
                continue
            of_days = range(last - days + 1, last + 1)
            end = (str(days), cohort)
            rows[COHORT_CUSTOMERS.name][name, *end] = sum(begun.get(day, 0) for day in of_days)
            rows[COHORT_MATURED.name][name, *end] = sum(
                begun.get(day, 0) for day in of_days if closed is not None and day < closed
            )
            for stage in journey.stages:
                reached = sum(counts.get((stage, day), 0) for day in of_days)
                rows[COHORT_REACHED.name][name, stage, *end] = reached
    for age in range(AGES):
        # Two digits, so that what sorts by text sorts by age.
        told = f"{age:02d}"
        rows[COHORT_AGE_CUSTOMERS.name][name, told] = begun.get(today - age, 0)
        for stage in journey.stages:
            rows[COHORT_AGE_REACHED.name][name, stage, told] = counts.get((stage, today - age), 0)


@lru_cache(maxsize=10_000)
def _day(day: str) -> int:
    """A UTC day as its number since 1970."""
    return date.fromisoformat(day).toordinal() - _EPOCH
