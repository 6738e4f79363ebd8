from hypothesis import given
from hypothesis import strategies as st

from tracker.records.timer import DAY_MS, FARTHEST_MS, day_of, look_at_ms

moments = st.integers(0, 10_000 * DAY_MS)


@given(moments, moments)
def test_a_look_is_ahead_and_no_later_than_it_must_be(one, other):
    """It is never in the past, never after the moment that it is for, and no farther ahead than a week."""
    now_ms, due_ms = sorted((one, other))
    look_ms = look_at_ms(due_ms, now_ms)
    assert now_ms < look_ms <= due_ms or look_ms == due_ms == now_ms
    assert due_ms - look_ms < DAY_MS or look_ms - now_ms <= FARTHEST_MS < due_ms - now_ms


def test_what_is_near_is_exact_and_what_is_far_is_a_day():
    """Within a day the moment itself; beyond, the beginning of its day, or of one within a week, which has a list."""
    assert look_at_ms(3 * DAY_MS + 7, 2 * DAY_MS + 8) == 3 * DAY_MS + 7
    assert look_at_ms(3 * DAY_MS + 7, 2 * DAY_MS + 7) == 3 * DAY_MS
    assert look_at_ms(30 * DAY_MS + 7, 2 * DAY_MS + 7) == 9 * DAY_MS
    assert (day_of(3 * DAY_MS), day_of(3 * DAY_MS + 7)) == (3, None)
