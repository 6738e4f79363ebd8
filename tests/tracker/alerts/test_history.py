from random import Random

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch
from tracker.alerts.history import MAX_CHANNELS, FigureHistory
from tracker.engine.customer import CustomerFold
from tracker.figures.fields import day_of, parse

STEP_MS = HOUR_MS // 4
SHOP = journey(stage("a", drops_after_ms=6 * HOUR_MS), stage("b", drops_after_ms=DAY_MS), stage("c", goal=True))


def history(*touches, days=3) -> FigureHistory:
    made = FigureHistory(SHOP, START_MS, START_MS + days * DAY_MS, STEP_MS)
    made.fold("c", list(touches))
    made.settle()
    return made


def test_each_step_shows_what_the_live_engine_would() -> None:
    """At every step the figures are the contribution of the state that a worker would have stored by then."""
    chance = Random(1)
    touches = sorted((touch(chance.choice("abcx"), chance.uniform(0, 60)) for _ in range(40)), key=lambda t: t.at_ms)
    made, journeys = history(*touches), CustomerFold([SHOP])
    for step in range(made.steps):
        now_ms = made.at_ms(step)
        seen = [each for each in touches if each.at_ms <= now_ms]
        state = journeys.fold("c", None, seen, now_ms).after
        fields = [(parse(name), count) for name, count in journeys.contribution(state).items()]
        for name, figures in made.stages.items():
            for figure in ("visits", "exits", "dropoffs"):
                counted = sum(count for field, count in fields if (field.figure, field.stage) == (figure, name))
                assert getattr(figures, figure)[step] == counted
            here = sum(count for field, count in fields if (field.figure, field.stage) == ("current", name))
            assert figures.departures[step] == figures.visits[step] - here + figures.exits[step]
        today = [count for field, count in fields if (field.figure, field.day) == ("cohort", day_of(now_ms))]
        assert made.begun_today[step] == sum(today)


def test_a_drop_off_is_seen_when_it_is_due() -> None:
    """The clock alone brings it, at the first step after the stage's time is over."""
    dropped = history(touch("a", 1)).stages["a"].dropoffs
    first = next(step for step, count in enumerate(dropped) if count)
    assert first * STEP_MS == 7 * HOUR_MS + STEP_MS


def test_what_was_before_is_there_at_the_first_step() -> None:
    """A history may begin in the middle: earlier touchpoints are folded, and nothing is missing."""
    made = FigureHistory(SHOP, START_MS + 2 * HOUR_MS, START_MS + 9 * HOUR_MS, STEP_MS)
    made.fold("c", [touch("a", 1), touch("b", 3)])
    made.settle()
    assert (made.stages["a"].visits[0], made.stages["b"].visits[0], made.stages["b"].visits[-1]) == (1, 0, 1)


def test_channels_are_counted_whatever_they_bring() -> None:
    """A touchpoint that bears on no stage is a sign of life of its channel all the same."""
    made = history(touch("x", 1, channel="shop"), touch("a", 2))
    assert {channel: counts[-1] for channel, counts in made.records.items()} == {"shop": 1, "web": 1}


def test_channels_that_files_invent_are_bounded() -> None:
    """A thousand channels take the room of fifty."""
    made = history(*(touch("a", number / 100, channel=f"ch{number}") for number in range(1000)))
    assert len(made.records) == MAX_CHANNELS
