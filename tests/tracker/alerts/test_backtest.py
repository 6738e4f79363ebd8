from itertools import accumulate

import pytest

from tests.tracker.making import DAY_MS, START_MS, journey, stage
from tracker.alerts.backtest import Backtest, as_data
from tracker.alerts.history import FigureHistory
from tracker.journey.definition import Alerts, DropOffAlert

STEP_MS = 300_000
DAY = DAY_MS // STEP_MS
BROKE = 3 * DAY
"""The step after which three times as many drop off."""


def shop(*, broken: int = 24, truths: tuple[int, ...] = (), **alerts) -> Backtest:
    """Four days of a stage in which one of ten drops off, three of ten on the fourth for so many steps."""
    definition = journey(stage("a", drops_after_ms=1, alerts=Alerts(**alerts)))
    history = FigureHistory(definition, START_MS, START_MS + 4 * DAY_MS - STEP_MS, STEP_MS)
    dropped = [30 if BROKE <= step < BROKE + broken else 10 for step in range(4 * DAY)]
    figures = history.stages["a"]
    figures.dropoffs = list(accumulate(dropped))
    figures.departures = list(accumulate(100 - each for each in dropped))
    figures.visits = figures.decided = list(accumulate([100] * 4 * DAY))
    history.records = {"web": list(accumulate([10] * 4 * DAY))}
    return Backtest(definition, history, truths)


def at_ms(step: int) -> int:
    return START_MS // STEP_MS * STEP_MS + step * STEP_MS


def test_a_firing_has_its_times_and_figures() -> None:
    """Start, end, stage, what it was and what it is, and since when the drop-offs are too many."""
    (found,) = shop(drop_off=DropOffAlert(customers=200)).firings()
    assert (found.alert, found.stage, found.severity) == ("JourneyDropoffSpike", "a", "page")
    assert found.began_ms == at_ms(BROKE - 1)
    assert found.delay_ms == found.start_ms - found.began_ms < 60 * 60_000
    assert found.end_ms is not None and found.end_ms > at_ms(BROKE + 24)
    assert found.figures["share_before"] == 0.1 and found.figures["share"] == 0.2


def test_a_truth_is_found_with_its_delay() -> None:
    """The delay counts from the truth, and an alert that reports no fault is a false alarm."""
    made = shop(truths=(at_ms(BROKE - 2),), drop_off=DropOffAlert(customers=200))
    (found,) = made.firings()
    assert found.delay_ms == found.start_ms - at_ms(BROKE - 2)
    (row,) = made.sweep([2], [4])
    assert (row.alarms, row.false, row.found, row.delay_ms) == (1, 0, 1, found.delay_ms)
    (other,) = shop(truths=(at_ms(DAY),), drop_off=DropOffAlert(customers=200)).sweep([2], [4])
    assert (other.alarms, other.false, other.found, other.delay_ms) == (1, 1, 0, None)


def test_higher_thresholds_never_tell_more() -> None:
    """The sweep keeps to the declared number of customers, and falls with size and significance."""
    rows = shop(drop_off=DropOffAlert(customers=200)).sweep([1.5, 2, 4], [2, 4, 40])
    assert [row.alarms for row in rows] == [1, 1, 0, 1, 1, 0, 0, 0, 0]
    assert all(row.alarms == 0 for row in shop(drop_off=DropOffAlert(customers=4000)).sweep([1], [1]))


def test_an_alert_that_is_off_never_fires() -> None:
    """Off is off, in the sweep too."""
    assert shop(drop_off=None).firings() == []
    assert [row.alarms for row in shop(drop_off=None).sweep([1], [1])] == [0]


def test_a_silent_source_keeps_the_news_back() -> None:
    """What fires about customers while their channel is silent is marked as kept back."""
    made = shop(drop_off=DropOffAlert(customers=200))
    silent = [10 if step < BROKE - 6 else 0 for step in range(4 * DAY)]
    made.history.records = {"web": list(accumulate(silent))}
    alerts = {each.alert: each for each in made.firings()}
    assert alerts["TouchpointSourceSilent"].channel == "web"
    assert alerts["JourneyDropoffSpike"].silenced and not alerts["TouchpointSourceSilent"].silenced


def test_machines_get_everything() -> None:
    """The object has the span judged, each firing, and false alarms a week by threshold."""
    made = shop(drop_off=DropOffAlert(customers=200))
    data = as_data(made, made.firings(), made.sweep([2], [4]), lambda at: at)
    assert data["weeks_judged"] == pytest.approx((3 * 24 - 1) / 168, abs=1e-3)
    assert data["firings"][0]["stage"] == "a" and data["firings"][0]["delay_s"] > 0
    assert data["thresholds"][0]["false_per_week"] == pytest.approx(168 / 71, abs=0.01)
