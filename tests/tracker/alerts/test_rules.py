from itertools import accumulate
from math import inf, isnan

import pytest

from tests.tracker.making import START_MS, journey, stage
from tracker.alerts.history import FigureHistory
from tracker.alerts.rules import AlertRun, Timing, runs, silences, spikes, stalls, two_proportions
from tracker.journey.definition import DropOffAlert, StalledAlert

MINUTE_MS = 60_000
DAY = 288
"""Steps of five minutes."""


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (range(10, 12), []),
        (range(10, 13), [AlertRun(10, 12, 16)]),
        ([*range(10, 13), 16], [AlertRun(10, 12, 20)]),
        ([*range(10, 13), 17, 18, 19], [AlertRun(10, 12, 16), AlertRun(17, 19, 23)]),
        ([10, 11, 13, 14, 15], [AlertRun(13, 15, 19)]),
        ([], []),
    ],
    ids=["too short", "long enough", "lingers", "again", "a gap begins anew", "never"],
)
def test_an_alert_waits_and_lingers(held, expected) -> None:
    """It fires when it has held for two steps, and ends three steps after it held last and did not any more."""
    assert list(runs(held, Timing(2 * MINUTE_MS, 3 * MINUTE_MS), MINUTE_MS)) == expected


@pytest.mark.parametrize("counts", [(0, 0, 1, 9), (0, 9, 0, 9), (9, 9, 9, 9), (1, 9, 0, 0)])
def test_nothing_to_compare_is_no_number(counts) -> None:
    """Without trials, and where nobody or everybody drops off, z is NaN and no comparison holds."""
    assert isnan(two_proportions(*counts))


def test_z_is_that_of_two_proportions() -> None:
    """36 of 120 against 24 of 240: a difference of 0.2, whose standard deviation is a twenty-fourth."""
    assert two_proportions(36, 120, 24, 240) == pytest.approx(0.2 * 24)


def figures(dropped: list[int], left: list[int]) -> FigureHistory:
    """A stage by its flows in each five minutes; as many come as leave or drop off."""
    made = FigureHistory(journey(stage("a", drops_after_ms=1)), START_MS, START_MS + (len(left) - 1) * 300_000, 300_000)
    it = made.stages["a"]
    it.dropoffs, it.departures = list(accumulate(dropped)), list(accumulate(left))
    it.visits = it.decided = [a + b for a, b in zip(it.dropoffs, it.departures, strict=True)]
    return made


def test_hours_before_the_first_drop_off_are_no_past() -> None:
    """Drop-offs that begin on the third day are no news on that day, nor a week after the two days without."""
    quiet, dropping = 2 * DAY, 8 * DAY
    made = figures([0] * quiet + [4] * dropping, [10] * (quiet + dropping))
    assert list(spikes(made, "a", DropOffAlert())) == []


def test_everybody_drops_off() -> None:
    """A share of one has infinite odds, which are large."""
    made = figures([1] * 2 * DAY + [10] * 15, [9] * 2 * DAY + [0] * 15)
    found = list(spikes(made, "a", DropOffAlert()))
    assert found and found[-1].share == 1.0 and found[-1].z < inf


def test_a_stage_stalls() -> None:
    """Twenty come, nobody leaves, while twenty left at this hour before."""
    made = figures([2] * 2 * DAY, [2] * (2 * DAY - 14) + [0] * 14)
    assert list(stalls(made, "a", StalledAlert())) == [2 * DAY - 3, 2 * DAY - 2, 2 * DAY - 1]
    assert list(stalls(made, "a", StalledAlert(customers=25))) == []


def test_a_source_falls_silent() -> None:
    """Less than a tenth of the half-hour before counts, where that was enough."""
    made = figures([0] * 2 * DAY, [0] * 2 * DAY)
    made.records = {name: list(accumulate([rate] * (2 * DAY - 6) + [now] * 6))
                    for name, rate, now in (("web", 10, 1), ("shop", 20, 1), ("support", 5, 0))}  # fmt: skip
    assert [list(silences(made, name)) for name in made.records] == [[], [2 * DAY - 1], []]
