import pytest

from streams.exporter.neglect import Neglect
from streams.stores.attendance import Attendance, spans


def one(looked_s_ago: float | None, writes: int = 7, partition: int = 0) -> Attendance:
    return Attendance(partition, looked_s_ago, writes, is_taken=True)


def neglected(*readings: tuple[float, Attendance]) -> list[list[int]]:
    """The neglected partitions after each reading, each with its moment."""
    neglect = Neglect(30.0)
    found = []
    for now_s, each in readings:
        neglect.took([each], now_s)
        found.append(neglect.partitions)
    return found


def test_a_look_that_is_long_ago_is_seen_at_once() -> None:
    """An exporter that starts while nobody applies says so by its first reading."""
    assert neglected((5.0, one(31.0))) == [[0]]
    assert neglected((5.0, one(30.0))) == [[]]


def test_without_any_look_the_first_reading_counts() -> None:
    """Before the first worker has started nothing is claimed for as long as a start may take."""
    assert neglected((5.0, one(None, 0)), (35.0, one(None, 0)), (35.1, one(None, 0))) == [[], [], [0]]


def test_a_write_counts_as_a_look() -> None:
    """A large batch keeps its worker from looking, and one of an earlier version never leaves a note: both write."""
    assert neglected((0.0, one(None, 1)), (40.0, one(None, 2)), (69.0, one(None, 2)), (71.0, one(None, 2))) == [
        [], [], [], [0],
    ]  # fmt: skip
    assert neglected((0.0, one(29.0, 1)), (20.0, one(49.0, 2)), (51.0, one(80.0, 2))) == [[], [], [0]]


def test_a_note_that_has_expired_is_a_long_neglect() -> None:
    """After a week Redis drops the note."""
    assert neglected((0.0, one(29.0)), (9.0, one(None))) == [[], [0]]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], ""),
        ([3], "3"),
        ([2, 0, 1], "0-2"),
        ([0, 2, 3], "0, 2-3"),
        (range(0, 40, 2), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, …"),
    ],
)
def test_partitions_are_told_in_spans(numbers, said) -> None:
    """Neighbours as one span, and of very many the first ten."""
    assert spans(numbers) == said
