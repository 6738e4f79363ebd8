"""Long work in pieces."""

from collections.abc import Generator

from hypothesis import given
from hypothesis import strategies as st

from tracker.planning.slices import finished, slices


@given(st.lists(st.integers()), st.integers(1, 50))
def test_slices_are_the_items_in_their_order(items, size) -> None:
    """None is missing, none is there twice, and none is longer than it may be."""
    parts = list(slices(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) <= size for part in parts)


def test_what_fits_is_not_copied() -> None:
    """A small batch costs nothing."""
    items = [1, 2]
    assert [id(part) for part in slices(items, 2)] == [id(items)]


def test_work_without_pauses_gives_its_result() -> None:
    """All pieces are done."""
    done = []

    def work() -> Generator[None, None, str]:
        for piece in range(3):
            done.append(piece)
            yield
        return "result"

    assert finished(work()) == "result"
    assert done == [0, 1, 2]
