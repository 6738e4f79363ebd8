"""The step: what one touchpoint does to a progress, straight, without log and figures."""

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage
from tracker.engine.fold import FIRST, LAST, UNCOUNTED, attributions, begin, compile_step
from tracker.engine.funnel import Steps
from tracker.journey.definition import Rule, Segment

A, B, C, EXIT = 1, 2, 4, 8


def after(definition, *given, segments=b""):
    """The progress after these (hour, bits), and what the last step returned."""
    step, progress, stage_of = compile_step(definition, Steps(definition)), begin(definition, START_MS), None
    for hour, bits in given:
        stage_of = step(progress, START_MS + hour * HOUR_MS, bits, segments, UNCOUNTED)
    return progress, stage_of


def test_a_progress_begins_before_every_stage():
    """With a place for each stage and segment, and its first moment as the zero of all others."""
    progress = begin(journey("a", "b", segments=(Segment("s", ("context", "s"), ("x",)),)), START_MS)
    assert (progress.zero_ms, progress.stage, progress.first, progress.segments) == (START_MS, -1, [None, None], [0])


def test_times_count_from_the_first_touchpoint():
    """Reached, entered and last, in milliseconds after it."""
    progress, _ = after(journey("a", "b", "c"), (0, A), (2, B), (5, B))
    assert (progress.first, progress.since, progress.last) == ([0, 2 * HOUR_MS, None], 2 * HOUR_MS, 5 * HOUR_MS)
    assert (progress.visits, progress.spent) == ([1, 1, 0], [2 * HOUR_MS, 0, 0])


@pytest.mark.parametrize(
    ("given", "stage_of"),
    [
        ([(0, A)], 0),
        ([(0, 0)], -1),
        ([(0, A | B)], 0),
        ([(0, A), (1, A | B)], 1),
        ([(0, B | C)], 1),
        ([(0, EXIT)], -1),
    ],
)
def test_a_touchpoint_counts_for_one_stage(given, stage_of):
    """Of several the furthest that a chain now reaches, else the first."""
    assert after(journey("a", "b", "c", exits=(Rule(type="x"),)), *given)[1] == stage_of


def test_what_happened_before_the_last_happens_with_it():
    """Beyond the horizon touchpoints come as they arrive: the clock does not turn back, but reached does."""
    progress, _ = after(journey("a", "b"), (0, A), (9, B), (4, A))
    assert (progress.last, progress.since, progress.stage) == (9 * HOUR_MS, 9 * HOUR_MS, 0)
    assert after(journey("a", "b"), (9, B), (4, B))[0].first == [None, 4 * HOUR_MS]


def test_a_gap_is_a_drop_off_and_a_recovery():
    """At the end of what the stage allows, and at the next touchpoint, whatever it is."""
    progress, _ = after(journey(stage("a", drops_after_ms=DAY_MS), "b"), (0, A), (30, 0))
    assert (progress.gaps, progress.dropped, progress.recovered) == ([1, 0], DAY_MS, 30 * HOUR_MS)


def test_an_exit_ends_the_stay_and_the_next_stage_begins_another():
    """The clock stops between."""
    definition = journey("a", "b", exits=(Rule(type="x"),))
    gone, _ = after(definition, (0, A), (3, 4))
    assert (gone.exited, gone.spent, gone.stage) == (3 * HOUR_MS, [3 * HOUR_MS, 0], 0)
    back, _ = after(definition, (0, A), (3, 4), (9, A))
    assert (back.exited, back.spent, back.visits) == (None, [3 * HOUR_MS, 0], [2, 0])


def test_a_segment_takes_its_value_from_the_touchpoint_that_is_named():
    """The first that has one, the last, or that of a stage."""
    path = ("context", "s")
    segments = tuple(Segment(f"s{at}", path, ("x",), at) for at in ("first", "last", "b"))
    definition = journey("a", "b", segments=segments)
    assert attributions(definition) == (FIRST, LAST, 1)
    step, progress = compile_step(definition, Steps(definition)), begin(definition, 0)
    for at_ms, (bits, codes) in enumerate([(A, b"\0\0\0"), (A, b"\2\2\2"), (B, b"\3\3\3"), (B, b"\4\4\4")]):
        step(progress, at_ms, bits, codes, UNCOUNTED)
    assert progress.segments == [2, 4, 3]
