"""Clocks that are put forward or back: what people do every day at a time of their own is no news."""

from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

import pytest

from tests.tracker.making import journey, stage
from tracker.alerts.history import FigureHistory
from tracker.alerts.rules import falls, silences, spikes, stalls
from tracker.journey.definition import ConversionAlert, DropOffAlert, StalledAlert

STEP_MS = 300_000
HOUR = 12
DAYS = 14
SEASONS = {"winter": "2026-02-28", "spring": "2026-03-19", "autumn": "2026-10-15"}
PLACES = ("Europe/Stockholm", "America/New_York", "Australia/Lord_Howe")

seasons = pytest.mark.parametrize("season", SEASONS)


def times(season: str, zone: str = PLACES[0]) -> list[datetime]:
    """The local time of each step of a fortnight that begins at midnight UTC."""
    first = datetime.fromisoformat(SEASONS[season]).replace(tzinfo=UTC).timestamp()
    return [datetime.fromtimestamp(first + step * STEP_MS / 1000, ZoneInfo(zone)) for step in range(DAYS * 24 * HOUR)]


def is_open(at: datetime) -> bool:
    return 8 <= at.hour < 20


def figures(season: str, decided: list[int], dropped: list[int]) -> FigureHistory:
    """A stage by those who were decided and those who dropped off in each step; as many come as are decided."""
    first_ms = round(datetime.fromisoformat(SEASONS[season]).replace(tzinfo=UTC).timestamp() * 1000)
    made = FigureHistory(
        journey(stage("a", drops_after_ms=1)), first_ms, first_ms + (len(decided) - 1) * STEP_MS, STEP_MS
    )
    it = made.stages["a"]
    it.dropoffs, it.visits, it.decided = (list(accumulate(flow)) for flow in (dropped, decided, decided))
    it.departures = [all_ - lost for all_, lost in zip(it.decided, it.dropoffs, strict=True)]
    return made


def shop(season: str, zone: str = PLACES[0], spike: range = range(0)) -> FigureHistory:
    """600 an hour, of whom 15 % drop off while it is open and 60 % by night, and three times as many in a spike."""
    chance, dropped = Random(4), []
    for step, at in enumerate(times(season, zone)):
        share = (0.15 if is_open(at) else 0.6) * (3 if step in spike else 1)
        dropped.append(sum(chance.random() < share for _ in range(50)))
    return figures(season, [50] * len(dropped), dropped)


@seasons
@pytest.mark.parametrize("zone", PLACES)
@pytest.mark.parametrize(("odds", "z"), [(2, 4), (2, 2), (1.5, 4)])
def test_no_season_pages(season, zone, odds, z) -> None:
    """Day and night differ fourfold, and in no fortnight, with a change of clocks or without, is that a spike."""
    assert list(spikes(shop(season, zone), "a", DropOffAlert(odds=odds, z=z))) == []


@seasons
@pytest.mark.parametrize("day", [11, 12])
def test_a_true_spike_is_found_in_every_season(season, day) -> None:
    """Three times as many by noon are news within the hour, also on the days after a change of clocks."""
    begin = (day * 24 + 11) * HOUR
    found = [each.step for each in spikes(shop(season, spike=range(begin, begin + 2 * HOUR)), "a", DropOffAlert())]
    assert begin < found[0] < begin + HOUR
    assert found[-1] <= begin + 3 * HOUR


@seasons
def test_a_counter_that_closes_neither_stalls_nor_is_silent(season) -> None:
    """Customers come in at all hours, and are served and sent on from eight to eight by the clock of the place."""
    served = [10 if is_open(at) else 0 for at in times(season)]
    made = figures(season, served, [0] * len(served))
    made.stages["a"].visits = list(accumulate([5] * len(served)))
    made.records = {"shop": list(accumulate(served))}
    assert list(stalls(made, "a", StalledAlert())) == []
    closing = [at.hour >= 20 or at.hour < 9 for at in times(season)]
    assert [step for step in silences(made, "shop") if not closing[step]] == []
    # From the first minutes after closing on the half-hour is empty, as it was every day.
    assert list(silences(made, "shop")) == []


@seasons
def test_a_counter_that_breaks_at_noon_is_silent(season) -> None:
    """A channel that brings nothing from noon on is silent within the half-hour in every season."""
    noon = (12 * 24 + 11) * HOUR
    served = [10 if is_open(at) and step < noon else 0 for step, at in enumerate(times(season))]
    made = figures(season, served, [0] * len(served))
    made.stages["a"].visits = list(accumulate([5] * len(served)))
    made.records = {"shop": list(accumulate(served))}
    assert noon < next(iter(silences(made, "shop"))) <= noon + HOUR // 2
    assert noon < next(iter(stalls(made, "a", StalledAlert()))) <= noon + HOUR + 1


@seasons
@pytest.mark.parametrize("noon_share", [0.85, 0.4])
def test_a_morning_an_hour_later_is_no_fall(season, noon_share) -> None:
    """Who begins by night converts less; a cohort whose day begins an hour later is no news, a worse day is."""
    begun, reached = [], []
    today = [0.0, 0.0]
    for step, at in enumerate(times(season)):
        if step % (24 * HOUR) == 0:
            today = [0.0, 0.0]
        share = noon_share if is_open(at) and step >= 13 * 24 * HOUR else 0.85 if is_open(at) else 0.4
        came = 50 if is_open(at) else 10
        today = [today[0] + came, today[1] + came * share]
        begun.append(round(today[0]))
        reached.append(round(today[1]))
    made = figures(season, begun, [0] * len(begun))
    made.begun_today, made.stages["a"].reached_today = begun, reached
    found = {each.step // (24 * HOUR) for each in falls(made, "a", ConversionAlert())}
    assert found == ({13} if noon_share < 0.85 else set())
