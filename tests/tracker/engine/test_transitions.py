"""Shifts: what happened between two views of a progress."""

from tests.tracker.making import HOUR_MS, START_MS, journey, stage, touch
from tracker.engine.fold import begin
from tracker.engine.transitions import TransitionTeller, view
from tracker.records.log import NO_RULE

DEFINITION = journey("a", stage("b", "b", "order"), stage("c", optional=True), stage("d", goal=True))


def progress(**fields):
    made = begin(DEFINITION, START_MS)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_equal_histories_look_equal_whatever_their_zero():
    """A view has moments since 1970."""
    one = progress(stage=0, first=[HOUR_MS, None, None, None], exited=2 * HOUR_MS)
    other = progress(stage=0, first=[0, None, None, None], exited=HOUR_MS)
    other.zero_ms += HOUR_MS
    assert view(one) == view(other)
    assert view(one).exited_ms == START_MS + 2 * HOUR_MS


def test_a_move_tells_direction_reason_and_what_was_skipped():
    """Optional stages are not skipped, nor are those that were reached before."""
    teller, after = TransitionTeller(DEFINITION), progress(first=[0, None, None, HOUR_MS])
    moved = teller.move("c", None, 0, 3, after, touch("d", 1, "e1"), 4)
    assert (moved.kind, moved.origin, moved.stage, moved.skipped) == ("advanced", "a", "d", ("b",))
    assert (moved.at_ms, moved.why.event_id) == (START_MS + HOUR_MS, "e1")
    assert teller.move("c", None, 3, 0, after, touch("a", 2), 0).kind == "returned"


def test_a_reason_names_the_rule_by_its_place_in_the_stage():
    """A touchpoint that met no rule names none."""
    teller = TransitionTeller(DEFINITION)
    assert [teller.why(touch("b"), rule).rule for rule in (0, 1, 2, NO_RULE, NO_RULE - 1)] == [0, 0, 1, None, None]


def test_one_step_may_tell_several_things():
    """A recovery comes after its drop-off, the move after that, the goal after the move."""
    teller = TransitionTeller(DEFINITION)
    was = teller.before(progress(stage=0, first=[0, None, None, None]))
    now = progress(stage=3, first=[0, None, None, 9], dropped=5, recovered=9)
    transitions = teller.step("c", None, was, now, touch("d", 1), 4)
    assert [one.kind for one in transitions] == ["dropped", "recovered", "advanced", "completed"]
    assert transitions[0].at_ms == START_MS + 5


def test_a_goal_is_completed_once():
    """Whoever has reached one before does not complete again."""
    teller = TransitionTeller(DEFINITION)
    assert not teller.has_completed(progress())
    was = teller.before(progress(stage=0, first=[0, None, None, 5]))
    assert [
        one.kind for one in teller.step("c", None, was, progress(stage=3, first=[0, None, None, 5]), touch("d"), 4)
    ] == ["advanced"]


def test_the_clock_has_no_touchpoint_as_its_reason():
    """A drop-off that the clock made says when, and nothing else."""
    dropped = TransitionTeller(DEFINITION).dropped("c", "o1", progress(stage=1), START_MS)
    assert (dropped.kind, dropped.origin, dropped.stage, dropped.instance, dropped.why.event_id) == (
        "dropped",
        "b",
        "b",
        "o1",
        None,
    )
