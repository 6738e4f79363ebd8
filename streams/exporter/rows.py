"""The rows of the funnel's series: values by labels, counted from the figures of one moment.

Label values come from the journey files only, so that their number is bounded; figures that Redis holds under other
names add up as `other`. It knows nothing of Prometheus, and gets the present moment as an argument.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import Final

from streams.exporter.figures import Figures
from streams.exporter.series import (
    ANSWERS,
    ANSWERS_BY_SEGMENT,
    BY_SEGMENT,
    COHORT_AGE_CUSTOMERS,
    COHORT_AGE_REACHED,
    COHORT_CUSTOMERS,
    COHORT_MATURED,
    COHORT_REACHED,
    CONVERT,
    DEEP,
    DEEP_BY_SEGMENT,
    FUNNEL,
    JOURNEY_CHANNELS,
    SEGMENT_COHORT_CUSTOMERS,
    SEGMENT_COHORT_REACHED,
    STAGE_PLACE,
    STAY,
    FunnelSeries,
)
from tracker.figures.fields import BEFORE_ALL, DAY_MS, WITHIN, FieldName, bucket_names
from tracker.journey.definition import SCALES, STATUSES, WITHIN_DAYS, Definition
from tracker.journey.series_count import AGES

OTHER: Final = "other"
COHORT_DAYS: Final = 28
"""UTC days whose beginnings make one cohort."""
_EPOCH: Final = date(1970, 1, 1).toordinal()

Labels = tuple[str, ...]
Rows = dict[str, dict[Labels, float]]
_Cohort = dict[tuple[str, int, str | None], int]
"""By stage (empty: who began), day, and the days within which the stage was reached."""
Histogram = tuple[list[tuple[str, float]], float]
"""Cumulative buckets, and the sum of seconds."""
FIGURES: Final = {STAY.name: ("stay", "seconds"), CONVERT.name: ("convert", "convert_seconds")}
"""By series, the figures of its buckets and of its sum."""


class FunnelRows:
    """Counts rows for the declared journeys."""

    def __init__(self, definitions: Sequence[Definition], channels: Sequence[str] = ()) -> None:
        self._journeys = {one.journey: _Journey(one, channels) for one in definitions}
        self._zeros = dict(self._declared())
        self._plain = {each.figure: each for each in (*FUNNEL, ANSWERS)}
        self._by_segment = {each.figure: each for each in (*BY_SEGMENT, ANSWERS_BY_SEGMENT)}

    def rows(self, figures: Figures, now_ms: int) -> Rows:
        """By series, its rows at that moment, with a zero for each declared row that nothing was counted in."""
        rows: Rows = defaultdict(dict, {name: zeros.copy() for name, zeros in self._zeros.items()})
        steps: dict[str, dict[Labels, int]] = {"funnel": defaultdict(int), "taken": defaultdict(int)}
        cohorts: dict[Labels, _Cohort] = defaultdict(lambda: defaultdict(int))
        for field, count in figures.counts.items():
            journey = self._journeys.get(field.journey)
            labels = self._whole(field, journey)
            if field.figure in steps:
                # Exact depths; `_add_depths` sums them to "at least so deep". A stage that is not declared any more
                # has no place in that order, so it is left out instead of counting as `other`.
                if journey and field.stage in journey.stages and (field.segment is None or len(labels) > 1):
                    steps[field.figure][*labels, field.stage] += count
                continue
            if field.segment is None:
                _add(rows, self._plain.get(field.figure), field, journey, labels, count)
            elif len(labels) > 1:
                _add(rows, self._by_segment.get(field.figure), field, journey, labels, count)
            else:
                # A segment that is not declared any more: its customers are in the journey's own row already.
                continue
            if (
                journey
                and field.day
                and field.day != BEFORE_ALL
                and (field.stage is None or field.stage in journey.stages)
            ):
                cohorts[labels][field.stage or "", _day(field.day), field.days] += count
        self._add_depths(rows, steps["funnel"], steps["taken"])
        for name, journey in self._journeys.items():
            for whole in journey.wholes(name):
                _add_cohorts(rows, whole, journey, cohorts[whole], now_ms)
            _add_ages(rows, name, journey, cohorts[name,], now_ms)
        return rows

    def histograms(self, figures: Figures) -> dict[str, dict[Labels, Histogram]]:
        """By series, then by journey and stage, the histogram of the time spent there or of the time to get there."""
        counts: dict[Labels, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for field, count in figures.counts.items():
            counts[field.figure, field.journey, field.stage or ""][field.bucket or ""] += count
        return {
            series: {
                (name, stage): (
                    _buckets(counts[figure, name, stage], journey.bounds[series]),
                    float(counts[sums, name, stage][""]),
                )
                for name, journey in self._journeys.items()
                for stage in journey.stages
            }
            for series, (figure, sums) in FIGURES.items()
        }

    def _whole(self, field: FieldName, journey: "_Journey | None") -> Labels:
        """The first labels of a field's rows: the journey, and segment and value where the segment is declared."""
        if journey is None:
            return (OTHER,)
        if field.segment is None or field.segment not in journey.segments:
            return (field.journey,)
        value = field.value if field.value in journey.segments[field.segment] else OTHER
        return (field.journey, field.segment, str(value))

    def _add_depths(self, rows: Rows, depths: dict[Labels, int], taken: dict[Labels, int]) -> None:
        """Add for each stage the customers who are at least so deep: its exact depth and all later ones.

        Of an optional stage, those who took it.
        """
        for name, journey in self._journeys.items():
            for whole in journey.wholes(name):
                deep = rows[(DEEP if len(whole) == 1 else DEEP_BY_SEGMENT).name]
                counts = accumulate(depths.get((*whole, stage), 0) for stage in reversed(journey.stages))
                deep.update({(*whole, stage): n for stage, n in zip(reversed(journey.stages), counts, strict=True)})
                deep.update({(*whole, stage): taken.get((*whole, stage), 0) for stage in journey.optional})

    def _declared(self) -> Iterator[tuple[str, dict[Labels, float]]]:
        """The rows that a series always has, so that Prometheus sees a zero before the first customer."""
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
        for answers in (ANSWERS, ANSWERS_BY_SEGMENT):
            yield (
                answers.name,
                {
                    (*whole, kind, str(score)): 0
                    for name, journey in self._journeys.items()
                    for whole in journey.wholes(name)
                    if (len(whole) == 1) == (answers is ANSWERS)
                    for kind, scores in journey.scores.items()
                    for score in scores
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
        self.optional = definition.optional_steps
        self.segments = {segment.name: (*segment.values, OTHER) for segment in definition.segments}
        self.bounds = {STAY.name: definition.buckets.stay_ms, CONVERT.name: definition.buckets.convert_ms}
        self.scores = {
            survey.kind: range(SCALES[survey.kind][0], SCALES[survey.kind][1] + 1) for survey in definition.feedback
        }
        named = {rule.channel for stage in definition.stages for rule in stage.touchpoints}
        # A rule without a channel matches touchpoints of all channels.
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
    rows: Rows, series: FunnelSeries | None, field: FieldName, journey: _Journey | None, whole: Labels, count: int
) -> None:
    """Add a count to its row of a series; parts that the journey does not declare become `other`."""
    if series is None:
        return
    known = {"stage": journey.stages if journey else (), "status": STATUSES}
    parts = tuple(getattr(field, part) for part in series.parts)
    if series.figure == "feedback":
        # A score or a survey that is not declared any more is left out: no mean can be computed with a score `other`.
        if (*whole, *parts) in rows[series.name]:
            rows[series.name][*whole, *parts] += count
        return
    labels = (*whole, *(v if v in known[part] else OTHER for part, v in zip(series.parts, parts, strict=True)))
    rows[series.name][labels] = rows[series.name].get(labels, 0) + count


def _buckets(counts: dict[str, int], bounds_ms: Sequence[int]) -> list[tuple[str, float]]:
    """Cumulative counts by bucket. A bucket of an earlier definition counts in the next wider one of the present."""
    names = bucket_names(bounds_ms)
    within = dict.fromkeys(names, 0)
    for bucket, count in counts.items():
        at = bisect_left(bounds_ms, int(bucket) * 1000) if bucket.isdecimal() else len(bounds_ms)
        within[names[at]] += count
    return list(zip((*names[:-1], "+Inf"), map(float, accumulate(within.values())), strict=True))


def _add_cohorts(rows: Rows, whole: Labels, journey: _Journey, counts: _Cohort, now_ms: int) -> None:
    """Add the cohorts of a journey, or of one of its segment values."""
    today = now_ms // DAY_MS
    is_part = len(whole) > 1
    customers = rows[(SEGMENT_COHORT_CUSTOMERS if is_part else COHORT_CUSTOMERS).name]
    reached = rows[(SEGMENT_COHORT_REACHED if is_part else COHORT_REACHED).name]
    for place, days in enumerate(WITHIN_DAYS):
        # A UTC day is mature `days` after its end: a customer may have begun in its last millisecond.
        matured = today - days - 1
        for cohort, last in (("recent", today), ("mature", matured)):
            of_days = range(last - COHORT_DAYS + 1, last + 1)
            begun = {day: counts.get(("", day, None), 0) for day in of_days}
            end = (str(days), cohort)
            customers[*whole, *end] = sum(begun.values())
            if not is_part:
                rows[COHORT_MATURED.name][*whole, *end] = sum(n for day, n in begun.items() if day <= matured)
            for stage in journey.stages:
                # A customer is stored under the fewest of WITHIN days that fit, so longer spans add the shorter ones.
                reached[*whole, stage, *end] = sum(
                    counts.get((stage, day, within), 0) for day in of_days for within in WITHIN[: place + 1]
                )


def _add_ages(rows: Rows, name: str, journey: _Journey, counts: _Cohort, now_ms: int) -> None:
    """Add the newest cohort days one by one, with the customers of each who have reached a stage so far."""
    today = now_ms // DAY_MS
    for age in range(AGES):
        # Two digits, so that sorting by text sorts by age.
        label = f"{age:02d}"
        rows[COHORT_AGE_CUSTOMERS.name][name, label] = counts.get(("", today - age, None), 0)
        for stage in journey.stages:
            reached = sum(counts.get((stage, today - age, within), 0) for within in WITHIN)
            rows[COHORT_AGE_REACHED.name][name, stage, label] = reached


@lru_cache(maxsize=10_000)
def _day(day: str) -> int:
    """A UTC day as its number since 1970."""
    return date.fromisoformat(day).toordinal() - _EPOCH
