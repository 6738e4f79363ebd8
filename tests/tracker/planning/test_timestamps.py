import pytest

from tests.touchpoints import START_MS, Record
from tracker.planning.plan import PartitionBatch
from tracker.planning.timestamps import is_plausible, restamped

MINUTE_MS = 60_000
AHEAD_MS = START_MS + 6 * MINUTE_MS
IN_2100_MS = 4_102_444_800_000


def stamps(*stamps_ms: int, before_ms: int = 0) -> tuple[list[int], int]:
    records = [Record(place, b"", timestamp=at_ms) for place, at_ms in enumerate(stamps_ms)]
    batch, count = restamped(PartitionBatch("touchpoints.web", 0, records), before_ms, START_MS)
    assert [record.offset for record in batch.records] == list(range(len(records)))
    return [record.timestamp for record in batch.records], count


@pytest.mark.parametrize(
    ("stamps_ms", "plausible"),
    [
        ([START_MS, START_MS + 5 * MINUTE_MS], True),
        ([START_MS, AHEAD_MS], False),
        ([0, START_MS], False),
        ([-1], False),
        ([315_532_800_000], True),
    ],
)
def test_what_can_be_right(stamps_ms: list[int], plausible: bool) -> None:
    """From 1980 to five minutes ahead of the wall clock."""
    records = [Record(place, b"", timestamp=at_ms) for place, at_ms in enumerate(stamps_ms)]
    assert is_plausible(PartitionBatch("touchpoints.web", 0, records), START_MS) is plausible


def test_the_record_before_lends_its_timestamp() -> None:
    """Also that of an earlier batch; the others stay."""
    assert stamps(1_000, START_MS - 5, IN_2100_MS, 0, START_MS - 9, before_ms=START_MS - 7) == (
        [START_MS - 7, START_MS - 5, START_MS - 5, START_MS - 5, START_MS - 9],
        3,
    )


def test_the_first_records_take_the_next_plausible_timestamp() -> None:
    """Where none is plausible, the wall clock counts for those ahead, and those before 1980 stay."""
    assert stamps(0, IN_2100_MS, START_MS - 5) == ([START_MS - 5] * 3, 2)
    assert stamps(0, IN_2100_MS) == ([0, START_MS], 1)


def test_a_timestamp_a_little_ahead_moves_no_clock() -> None:
    """It stays with its record, and the newest timestamp of the batch, and of its parts, is another."""
    records = [Record(place, b"", timestamp=at_ms) for place, at_ms in enumerate([START_MS - 5, AHEAD_MS])]
    batch, count = restamped(PartitionBatch("touchpoints.web", 0, records), 0, START_MS)
    assert (batch.newest_ms, count) == (START_MS - 5, 0)
    assert [record.timestamp for record in batch.records] == [START_MS - 5, AHEAD_MS]
    alone, _ = restamped(PartitionBatch("touchpoints.web", 0, records[1:]), 0, START_MS)
    assert alone.newest_ms == AHEAD_MS
