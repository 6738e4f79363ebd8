"""The alerts about customers, in plain numbers: at which steps of a history each holds, and when it fires.

They are the rules of deploy/prometheus/rules; tests/deploy/test_backtest.py runs both over the same figures and
compares the firings. It knows figures and thresholds, and nothing of Prometheus.
"""

from collections.abc import Callable, Iterable, Iterator
from math import copysign, inf, nan, sqrt
from typing import Final, NamedTuple

from tracker.alerts.history import FigureHistory, Values
from tracker.journey.definition import ConversionAlert, DropOffAlert, StalledAlert

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
QUARTER_MS: Final = 15 * MINUTE_MS
HALF_HOUR_MS: Final = 30 * MINUTE_MS
PASTS_MS: Final = (24 * HOUR_MS, 7 * 24 * HOUR_MS)
"""The present is compared with the same time a day and a week before, added up."""
BESIDE_MS: Final = HOUR_MS
"""Of each of these times, and of those so much later and earlier, the one that makes the least news is taken, since the
clocks may have changed (docs/decisions/0046-hours-of-the-place.md). Of equal ones the first counts."""
QUARTERS_CUSTOMERS: Final = 3
"""The last quarter of an hour must have at least 1/3 of the customers that the hour must have, which shows that the
spike is still going on."""
QUARTERS_Z: Final = 2
"""The last quarter of an hour must have at least 1/2 of the hour's z: z grows with the square root of the number, and
the square root of a quarter is a half."""
REACHED_BEFORE: Final = 30
"""A stage that fewer customers reached in the periods compared with is not judged by its conversion."""
SOURCE_BEFORE: Final = 50
"""A channel with fewer touchpoints in the half hours compared with is not judged."""
SOURCE_LEFT: Final = 0.1
"""A channel with less than this part of its earlier touchpoints is silent."""


class Timing(NamedTuple):
    """How long an alert must hold to fire (`for`), and how long it keeps firing afterwards (`keep_firing_for`)."""

    for_ms: int
    keep_ms: int


TIMING: Final = {
    "JourneyDropoffSpike": Timing(2 * MINUTE_MS, 15 * MINUTE_MS),
    "JourneyConversionFall": Timing(15 * MINUTE_MS, 15 * MINUTE_MS),
    "JourneyStageStalled": Timing(30 * MINUTE_MS, 15 * MINUTE_MS),
    "TouchpointSourceSilent": Timing(2 * MINUTE_MS, 10 * MINUTE_MS),
}


class Spike(NamedTuple):
    """Drop-off in a stage at one step: the last hour, its last quarter, and the same hour before."""

    step: int
    dropped: int
    dropped_quarter: int
    share: float
    share_before: float
    z: float
    z_quarter: float

    def holds(self, limits: DropOffAlert) -> bool:
        """Whether the spike has enough customers, is large and unlikely by chance, and is still going on."""
        return (
            self.dropped >= limits.customers
            and self.dropped_quarter >= limits.customers / QUARTERS_CUSTOMERS
            and _ratio(self.share, 1 - self.share) >= _ratio(limits.odds * self.share_before, 1 - self.share_before)
            and self.z >= limits.z
            and self.z_quarter >= limits.z / QUARTERS_Z
        )


class Fall(NamedTuple):
    """Today's cohort at one step, and the cohorts of a day and a week before at the same age."""

    step: int
    begun: int
    reached_before: int
    share: float
    share_before: float
    z: float

    def holds(self, limits: ConversionAlert) -> bool:
        """Whether fewer customers have reached the stage than chance explains."""
        return (
            self.begun >= limits.customers
            and self.reached_before >= REACHED_BEFORE
            and self.share <= (1 - limits.fall) * self.share_before
            and self.z <= -limits.z
        )


class AlertRun(NamedTuple):
    """An alert that fired: the steps at which it began to hold, fired, and ended (None: it has not ended)."""

    held: int
    fired: int
    ended: int | None


def spikes(history: FigureHistory, stage: str, limits: DropOffAlert) -> Iterator[Spike]:
    """The steps at which the drop-off alert holds for the stage."""
    figures = history.stages[stage]
    dropped, decided = figures.dropoffs, figures.decided
    hour, quarter = _steps(history, HOUR_MS), _steps(history, QUARTER_MS)
    for step in range(hour, history.steps):
        in_hour = dropped[step] - dropped[step - hour]
        # Most steps end here, before anything else is computed.
        if in_hour < limits.customers:
            continue
        found = _spike(history, dropped, decided, step, (in_hour, hour, quarter))
        if found.holds(limits):
            yield found


def _spike(history: FigureHistory, dropped: Values, decided: Values, step: int, spans: tuple[int, int, int]) -> Spike:
    in_hour, hour, quarter = spans
    in_quarter = dropped[step] - dropped[step - quarter]
    # Hours before the stage's first drop-off are left out: nobody could have been quiet for long enough.
    pasts = [
        max(ends, key=lambda end: _share(dropped, decided, end, hour))
        for every in _ends(history, step, hour, lambda end, _: dropped[end - hour] > 0)
        if (ends := [end for end in every if decided[end] > decided[end - hour]])
    ]
    before = sum(dropped[end] - dropped[end - hour] for end in pasts)
    before_of = sum(decided[end] - decided[end - hour] for end in pasts)
    hours, quarters = decided[step] - decided[step - hour], decided[step] - decided[step - quarter]
    return Spike(
        step,
        in_hour,
        in_quarter,
        _ratio(in_hour, hours),
        _ratio(before, before_of),
        two_proportions(in_hour, hours, before, before_of),
        two_proportions(in_quarter, quarters, before, before_of),
    )


def falls(history: FigureHistory, stage: str, limits: ConversionAlert) -> Iterator[Fall]:
    """The steps at which the conversion alert holds for the stage."""
    begun, reached = history.begun_today, history.stages[stage].reached_today
    for step in range(history.steps):
        if begun[step] < limits.customers:
            continue
        pasts = [
            min(ends, key=lambda at: _ratio(reached[at], begun[at]) if begun[at] else inf)
            for ends in _ends(history, step, 0, lambda at, same: (begun[at] - begun[same]) * (at - same) >= 0)
        ]
        begun_before, reached_before = sum(begun[at] for at in pasts), sum(reached[at] for at in pasts)
        found = Fall(
            step,
            begun[step],
            reached_before,
            _ratio(reached[step], begun[step]),
            _ratio(reached_before, begun_before),
            two_proportions(reached[step], begun[step], reached_before, begun_before),
        )
        if found.holds(limits):
            yield found


def stalls(history: FigureHistory, stage: str, limits: StalledAlert) -> Iterator[int]:
    """The steps at which customers have come to the stage for an hour and none has left."""
    visits, departures = history.stages[stage].visits, history.stages[stage].departures
    hour = _steps(history, HOUR_MS)
    for step in range(hour, history.steps):
        if (
            visits[step] - visits[step - hour] >= limits.customers
            and departures[step] <= departures[step - hour]
            and _before(history, departures, step, hour) >= limits.customers
        ):
            yield step


def silences(history: FigureHistory, channel: str) -> Iterator[int]:
    """The steps at which a channel brings almost none of its usual touchpoints."""
    records = history.records[channel]
    half = _steps(history, HALF_HOUR_MS)
    for step in range(half, history.steps):
        before = _before(history, records, step, half)
        if before >= SOURCE_BEFORE and records[step] - records[step - half] < SOURCE_LEFT * before:
            yield step


def runs(held: Iterable[int], timing: Timing, step_ms: int) -> Iterator[AlertRun]:
    """The firings of an alert that holds at these steps, which come in order.

    As in Prometheus: it fires after it has held without a break for `for_ms`, and ends when it has not held for
    `keep_ms`.
    """
    wait, keep = -(-timing.for_ms // step_ms), -(-timing.keep_ms // step_ms)
    begin = fired = last = None
    for step in held:
        if last is not None and begin is not None:
            # `keep` counts from the first step at which it did not hold.
            if fired is not None and step > last + 1 + keep:
                yield AlertRun(begin, fired, last + 1 + keep)
                begin = fired = None
            elif fired is None and step > last + 1:
                begin = None
        begin = step if begin is None else begin
        if fired is None and step - begin >= wait:
            fired = step
        last = step
    if begin is not None and fired is not None and last is not None:
        yield AlertRun(begin, fired, last + 1 + keep)


def two_proportions(hits: int, trials: int, hits_before: int, trials_before: int) -> float:
    """The z statistic of two proportions with pooled variance; NaN where it is undefined."""
    pooled = _ratio(hits + hits_before, trials + trials_before)
    spread = pooled * (1 - pooled) * (_ratio(1, trials) + _ratio(1, trials_before))
    difference = _ratio(hits, trials) - _ratio(hits_before, trials_before)
    return _ratio(difference, sqrt(spread)) if spread >= 0 else nan


def _ratio(part: float, whole: float) -> float:
    """Division as in Prometheus: x/0 is infinite, and 0/0 is NaN."""
    if whole:
        return part / whole
    return nan if not part or part != part else copysign(inf, part)  # noqa: PLR0124  # NaN


def _share(part: Values, whole: Values, end: int, span: int) -> float:
    return (part[end] - part[end - span]) / (whole[end] - whole[end - span])


def _before(history: FigureHistory, values: Values, step: int, span: int) -> int:
    """The least increases in spans of this length that ended a day and a week before, as far as there are any."""
    return sum(min(values[end] - values[end - span] for end in ends) for ends in _ends(history, step, span))


def _ends(
    history: FigureHistory, step: int, span: int, fits: Callable[[int, int], bool] = lambda *_: True
) -> Iterator[list[int]]:
    """The last steps of the spans of this length a day and a week before, each with those an hour beside it, as far as
    the history has them whole. `fits`: whether a step may be compared with, beside the one of the same time.
    """
    beside = _steps(history, BESIDE_MS)
    for past in PASTS_MS:
        same = step - _steps(history, past)
        if same >= span and fits(same, same):
            yield [end for end in (same, same + beside, same - beside) if end >= span and fits(end, same)]


def _steps(history: FigureHistory, span_ms: int) -> int:
    return span_ms // history.step_ms
