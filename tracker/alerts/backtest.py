"""A backtest: which alerts a history would have raised, when, and how often at other thresholds.

It runs the rules of `tracker/alerts/rules.py` over a history and reports what fired. It knows no files.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, Final, NamedTuple, TypeVar

from tracker.alerts.history import FigureHistory, Values
from tracker.alerts.rules import HOUR_MS, PASTS_MS, TIMING, AlertRun, Fall, Spike, falls, runs, silences, spikes, stalls
from tracker.journey.definition import Definition, DropOffAlert, Stage

S = TypeVar("S", Spike, Fall)

WEEK_MS: Final = 7 * 24 * HOUR_MS
LOOK_BACK_MS: Final = 2 * HOUR_MS
"""How far back the beginning of a drop-off spike is searched: twice the hour in which it must show."""
GROUP_WAIT_MS: Final = 60_000
"""How long Alertmanager waits for an alert about tracking before it sends one about customers."""
TRUTH_SPAN_MS: Final = 6 * HOUR_MS
"""An alert that fires within this time after a known fault counts as a report of that fault."""


class Firing(NamedTuple):
    """One alert that fired."""

    alert: str
    journey: str
    stage: str | None
    channel: str | None
    severity: str
    start_ms: int
    end_ms: int | None
    """None: it still fires when the history ends."""
    figures: dict[str, float]
    began_ms: int | None
    """When its cause began, as far as the figures show it; None where they do not."""
    silenced: bool = False
    """A source was silent at the same time, so Alertmanager would have inhibited it."""

    @property
    def delay_ms(self) -> int | None:
        """The time from the beginning of its cause to the alert; None where the beginning is unknown."""
        return None if self.began_ms is None else self.start_ms - self.began_ms


class BacktestRow(NamedTuple):
    """The results of the drop-off spike at one pair of thresholds."""

    odds: float
    z: float
    alarms: int
    false: int
    """Alarms that report no known fault."""
    found: int
    """Known faults that were reported."""
    delay_ms: float | None
    """The median delay of the faults that were reported."""


class Backtest:
    """Runs the alerts of one journey over its history, which must be settled."""

    def __init__(self, definition: Definition, history: FigureHistory, truths_ms: Sequence[int] = ()) -> None:
        """`truths_ms`: the moments of known faults."""
        self.definition: Final = definition
        self.history: Final = history
        self.truths_ms: Final = tuple(sorted(truths_ms))

    @property
    def weeks(self) -> float:
        """The weeks that can be judged: all but the first day and hour, which have nothing to compare with."""
        history = self.history
        return max(0, (history.steps - 1) * history.step_ms - PASTS_MS[0] - HOUR_MS) / WEEK_MS

    def firings(self) -> list[Firing]:
        """All firings, in order of time."""
        silent = list(self._silent())
        others = [
            firing._replace(silenced=_silenced(firing, silent))
            for stage in self.definition.stages
            for firing in (*self._spiking(stage), *self._falling(stage), *self._stalled(stage))
        ]
        return sorted([*silent, *others], key=lambda firing: (firing.start_ms, firing.alert, firing.stage or ""))

    def sweep(self, odds: Sequence[float], z: Sequence[float]) -> list[BacktestRow]:
        """The drop-off spike of all stages at each pair of thresholds; other thresholds are as declared."""
        found = [
            (limits, list(spikes(self.history, stage.name, replace(limits, odds=min(odds), z=min(z)))))
            for stage in self.definition.stages
            if (limits := stage.alerts.drop_off) is not None
        ]
        return [self._row(found, each_odds, each_z) for each_odds in odds for each_z in z]

    def truth_of(self, start_ms: int) -> int | None:
        """The moment of the known fault that an alert reports; None where it reports none."""
        return next((at for at in reversed(self.truths_ms) if at <= start_ms <= at + TRUTH_SPAN_MS), None)

    def _row(self, found: Sequence[tuple[DropOffAlert, list[Spike]]], odds: float, z: float) -> BacktestRow:
        starts = [
            self.history.at_ms(run.fired)
            for limits, candidates in found
            for run in self._runs(
                "JourneyDropoffSpike",
                (each.step for each in candidates if each.holds(replace(limits, odds=odds, z=z))),
            )
        ]
        first: dict[int, int] = {}
        for start in sorted(starts):
            if (truth := self.truth_of(start)) is not None:
                first.setdefault(truth, start)
        false = sum(self.truth_of(start) is None for start in starts)
        delays = [start - truth for truth, start in first.items()]
        return BacktestRow(odds, z, len(starts), false, len(first), median(delays) if delays else None)

    def _spiking(self, stage: Stage) -> Iterator[Firing]:
        limits = stage.alerts.drop_off
        if limits is None:
            return
        for run, seen in self._fired("JourneyDropoffSpike", spikes(self.history, stage.name, limits)):
            figures = _compared(seen.dropped, seen)
            began_ms = self._excess_began(stage.name, run.fired, seen.share_before)
            yield self._firing("JourneyDropoffSpike", stage, limits.severity, run, figures, began_ms)

    def _falling(self, stage: Stage) -> Iterator[Firing]:
        limits = stage.alerts.conversion_fall
        if limits is None:
            return
        for run, seen in self._fired("JourneyConversionFall", falls(self.history, stage.name, limits)):
            figures = _compared(seen.begun, seen)
            yield self._firing("JourneyConversionFall", stage, limits.severity, run, figures, None)

    def _stalled(self, stage: Stage) -> Iterator[Firing]:
        limits = stage.alerts.stalled
        if limits is None:
            return
        figures, hour = self.history.stages[stage.name], HOUR_MS // self.history.step_ms
        for run in self._runs("JourneyStageStalled", stalls(self.history, stage.name, limits)):
            came = figures.visits[run.fired] - figures.visits[run.fired - hour]
            began_ms = self.history.at_ms(_last_change(figures.departures, run.held))
            yield self._firing("JourneyStageStalled", stage, limits.severity, run, {"customers": came}, began_ms)

    def _silent(self) -> Iterator[Firing]:
        named = {rule.channel for stage in self.definition.stages for rule in stage.touchpoints}
        for channel in sorted(self.history.records):
            if channel in named or None in named:
                for run in self._runs("TouchpointSourceSilent", silences(self.history, channel)):
                    start_ms = self.history.at_ms(run.fired)
                    yield Firing("TouchpointSourceSilent", self.definition.journey, None, channel, "page", start_ms,
                                 self._end_ms(run), {}, self.truth_of(start_ms))  # fmt: skip

    def _firing(
        self, alert: str, stage: Stage, severity: str, run: AlertRun, figures: dict[str, float], began_ms: int | None
    ) -> Firing:
        start_ms = self.history.at_ms(run.fired)
        truth_ms = self.truth_of(start_ms)
        return Firing(alert, self.definition.journey, stage.name, None, severity, start_ms, self._end_ms(run), figures,
                      began_ms if truth_ms is None else truth_ms)  # fmt: skip

    def _fired(self, alert: str, seen: Iterable[S]) -> Iterator[tuple[AlertRun, S]]:
        """The alert's runs, each with the figures at the step at which it fired."""
        found = {each.step: each for each in seen}
        return ((run, found[run.fired]) for run in self._runs(alert, found))

    def _runs(self, alert: str, held: Iterable[int]) -> Iterator[AlertRun]:
        return runs(held, TIMING[alert], self.history.step_ms)

    def _end_ms(self, run: AlertRun) -> int | None:
        return None if run.ended is None or run.ended >= self.history.steps else self.history.at_ms(run.ended)

    def _excess_began(self, stage: str, fired: int, share_before: float) -> int:
        """When the excess began: the step since which most drop-offs came beyond those that the earlier share explains.

        The minimum of a cumulative sum, as in a CUSUM chart.
        """
        figures = self.history.stages[stage]
        steps = range(max(0, fired - LOOK_BACK_MS // self.history.step_ms), fired)
        return self.history.at_ms(
            min(steps, key=lambda step: (figures.dropoffs[step] - share_before * figures.decided[step], -step))
        )


def as_data(
    backtest: Backtest, firings: Sequence[Firing], rows: Sequence[BacktestRow], show_time: Any
) -> dict[str, Any]:
    """The results as plain data; `show_time` writes a moment."""
    history, weeks = backtest.history, backtest.weeks
    return {
        "journey": backtest.definition.journey,
        "version": backtest.definition.version,
        "from": show_time(history.start_ms),
        "until": show_time(history.at_ms(history.steps - 1)),
        "every_s": history.step_ms / 1000,
        "weeks_judged": round(weeks, 4),
        "firings": [
            {
                "alert": one.alert,
                "stage": one.stage,
                "channel": one.channel,
                "severity": one.severity,
                "start": show_time(one.start_ms),
                "end": show_time(one.end_ms),
                "figures": one.figures,
                "began": show_time(one.began_ms),
                "delay_s": None if one.delay_ms is None else one.delay_ms / 1000,
                "truth": show_time(backtest.truth_of(one.start_ms)),
                "silenced": one.silenced,
            }
            for one in firings
        ],
        "thresholds": [
            {
                "odds": row.odds,
                "z": row.z,
                "alarms": row.alarms,
                "false": row.false,
                "false_per_week": round(row.false / weeks, 3) if weeks else None,
                "found": row.found,
                "delay_s": None if row.delay_ms is None else row.delay_ms / 1000,
            }
            for row in rows
        ],
        "truths": [show_time(at) for at in backtest.truths_ms],
    }


def _compared(customers: int, seen: Spike | Fall) -> dict[str, float]:
    """The figures of an alert that compares a share with the one before."""
    return {
        "customers": customers,
        "share": round(seen.share, 4),
        "share_before": round(seen.share_before, 4),
        "z": round(seen.z, 2),
    }


def _silenced(firing: Firing, silent: Iterable[Firing]) -> bool:
    last_ms = firing.start_ms + GROUP_WAIT_MS
    return any(one.start_ms <= last_ms and (one.end_ms is None or one.end_ms > firing.start_ms) for one in silent)


def _last_change(values: Values, step: int) -> int:
    while step and values[step] == values[step - 1]:
        step -= 1
    return step
