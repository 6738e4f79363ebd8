"""Clocks that run ahead, in files of touchpoints."""

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch
from tracker.planning.decode import FUTURE_MS
from tracker.replay.columns import Columns
from tracker.replay.replay import replay

JOURNEY = journey(stage("look", "a", drops_after_ms=DAY_MS), "buy")
PRESENT_MS = START_MS + 400 * DAY_MS


def columns(*touches, present_ms: int | None = PRESENT_MS) -> Columns:
    found = Columns([JOURNEY], present_ms=present_ms)
    for one in touches:
        found.add(one)
    found.settle(PRESENT_MS)
    return found


def at(moment_ms: int, kind: str = "buy", customer: str = "ahead", **more):
    made = touch(kind, (moment_ms - START_MS) / HOUR_MS, f"{customer}{kind}{moment_ms}", **more)
    made.customer = customer
    return made


def test_the_future_is_taken_for_the_newest_moment_of_the_others() -> None:
    """A clock of 2099 does not move the moment of looking, and nobody drops off because of it."""
    found = columns(at(START_MS + HOUR_MS, "look", "b"), at(START_MS + 30_000 * DAY_MS), at(START_MS, "a", "c"))
    assert (found.future, found.newest_ms, found.taken_for_ms) == (1, START_MS + HOUR_MS, START_MS + HOUR_MS)
    assert found.furthest_ms == START_MS + 30_000 * DAY_MS
    look, buy = replay(JOURNEY, found).figures.stages
    assert (look.reached, look.dropped, buy.reached) == (1, 0, 1)


def test_the_order_of_lines_changes_nothing() -> None:
    """The newest of the others is known when all have been read."""
    touches = [at(START_MS + 30_000 * DAY_MS), at(START_MS, "a", "c"), at(START_MS + HOUR_MS, "a", "c")]
    there = list(columns(*touches).customers())
    back = list(columns(*reversed(touches)).customers())
    assert sorted(name for name, _ in there) == sorted(name for name, _ in back) == ["ahead", "c"]
    assert {name: [event[:2] for event in events] for name, events in there} == {
        name: [event[:2] for event in events] for name, events in back
    }


def test_five_minutes_ahead_are_no_future() -> None:
    """The bound is the worker's own."""
    near, far = at(PRESENT_MS + FUTURE_MS), at(PRESENT_MS + FUTURE_MS + 1)
    assert (columns(near).future, columns(far).future) == (0, 1)
    assert columns(near).newest_ms == PRESENT_MS + FUTURE_MS


def test_a_file_of_the_future_alone_is_taken_for_the_present() -> None:
    """Where there is nothing to compare with, the present is all that is known."""
    found = columns(at(PRESENT_MS + DAY_MS))
    assert (found.newest_ms, found.oldest_ms, found.taken_for_ms) == (PRESENT_MS,) * 3


def test_names_that_came_together_in_the_future_are_one() -> None:
    """A wrong clock takes no link away; it is as young as the touchpoint is taken for."""
    linking = at(START_MS + 30_000 * DAY_MS, customer="c1")
    linking.links = ("anonymous_id:a1",)
    found = columns(at(START_MS, "a", "anonymous_id:a1"), linking)
    assert found.customer("anonymous_id:a1") == "c1"
    assert [len(events) for _, events in found.customers()] == [2]


def test_without_a_present_nothing_is_the_future() -> None:
    """Whoever folds a set for its own sake has all times as they are."""
    found = columns(at(START_MS + 30_000 * DAY_MS), present_ms=None)
    assert (found.future, found.newest_ms) == (0, START_MS + 30_000 * DAY_MS)
