"""Records that planning fails with: which are found, and what it takes to find them."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.worker import halving
from streams.worker.halving import Unforeseen, describe, failing, frames, without_culprits
from tests.touchpoints import Record
from tests.virtual_time import run
from tracker.planning.plan import PartitionBatch

FULL = 1024


class Planning:
    """Fails where `fails` says so of the offsets, and counts what it plans."""

    def __init__(self, fails: Callable[[set[int]], bool]) -> None:
        self.fails = fails
        self.planned: list[int] = []

    async def __call__(self, batches: Sequence[PartitionBatch]) -> list[int]:
        offsets = [record.offset for batch in batches for record in batch.records]
        self.planned.append(len(offsets))
        if self.fails(set(offsets)):
            raise Unforeseen from KeyError("a value")
        return offsets


def batches(count: int) -> list[PartitionBatch]:
    """Two topics, whose offsets follow each other so that each stands for one record."""
    records = [Record(offset, None) for offset in range(count)]
    parts = [("touchpoints.web", records[: count // 2]), ("touchpoints.shop", records[count // 2 :])]
    return [PartitionBatch(topic, 0, some) for topic, some in parts if some]


def set_aside(planning: Planning, count: int = FULL) -> list[int]:
    """The offsets that are set aside, after a look that all others are planned in order."""
    planned, culprits = run(without_culprits(batches(count), planning))
    offsets = [culprit.record.offset for culprit in culprits]
    assert planned == [offset for offset in range(count) if offset not in offsets]
    assert all(culprit.record in culprit.batch.records for culprit in culprits)
    return offsets


def any_of(*bad: int) -> Callable[[set[int]], bool]:
    return lambda offsets: bool(offsets & set(bad))


@pytest.mark.parametrize("bad", [0, 1, 511, 512, 777, FULL - 1])
def test_one_record_is_found(bad: int) -> None:
    """It alone is set aside, wherever it stands, for about three times the batch."""
    planning = Planning(any_of(bad))
    assert set_aside(planning) == [bad]
    assert sum(planning.planned) <= 4 * FULL


@given(st.sets(st.integers(0, 63)))
def test_all_that_fail_alone_are_found(bad: set[int]) -> None:
    """None too many, none too few, up to the whole batch; the rest is planned."""
    assert set(set_aside(Planning(any_of(*bad)), 64)) == bad


def test_records_that_fail_together_are_found() -> None:
    """Of two that fail only together the later one is set aside, although neither half of the batch fails."""
    assert set_aside(Planning(lambda offsets: {3, 900} <= offsets)) == [900]
    assert set_aside(Planning(lambda offsets: {3, 4, 900} <= offsets or {3, 17} <= offsets)) == [17, 900]


@given(st.lists(st.tuples(st.integers(0, 31), st.integers(0, 31)), max_size=40))
def test_whatever_fails_the_rest_is_planned(pairs: list[tuple[int, int]]) -> None:
    """Any pairs that fail together end in a batch that is planned, with at most one record aside for each pair."""
    planning = Planning(lambda offsets: any({one, other} <= offsets for one, other in pairs))
    assert len(set_aside(planning, 32)) <= len(pairs)


def test_a_long_search_settles_for_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where telling records apart would take too long, the part that fails is set aside and the rest planned."""
    monkeypatch.setattr(halving, "PRECISE", 0)
    planning = Planning(lambda offsets: {3, 900} <= offsets)
    assert set_aside(planning) == list(range(FULL // 2, FULL))


def test_a_batch_of_nothing_but_faults_ends() -> None:
    """All fail, or all pairs do: the work grows little faster than the batch."""
    alone = Planning(bool)
    assert len(set_aside(alone)) == FULL
    assert sum(alone.planned) <= 12 * FULL
    together = Planning(lambda offsets: len(offsets) > 1)
    assert len(set_aside(together)) == FULL - 1
    assert sum(together.planned) <= 40 * FULL


def test_what_fails_without_records_is_raised() -> None:
    """No record is to blame for it."""
    with pytest.raises(Unforeseen):
        run(without_culprits(batches(8), Planning(lambda _: True)))


def test_a_fault_is_described_without_values() -> None:
    """By its class and place: alike for the same place whatever the value, other for another place."""

    def here(value: str) -> object:
        return {}[value]

    def there(value: str) -> object:
        return {}[value]

    def raised(look: Callable[[str], object], value: str) -> Exception:
        with pytest.raises(KeyError) as found:
            look(value)
        return found.value

    one, same, other = raised(here, "ann@example.org"), raised(here, "bob"), raised(there, "bob")
    assert describe(one) == describe(same) != describe(other)
    assert "ann" not in describe(one) + "".join(frames(one))
    assert describe(one).startswith("KeyError, traceback ")


@pytest.mark.parametrize("bad", [set(), {"a"}, {"c", "d"}, set("abcdefg")])
def test_customers_are_found_one_by_one(bad: set[str]) -> None:
    """Those with whom an attempt fails alone, with what it raised."""

    def attempt(names: Sequence[str]) -> None:
        if set(names) & bad:
            raise Unforeseen from KeyError("a value")

    found = run(failing("abcdefg", attempt))
    assert found.keys() == bad
    assert all(isinstance(error, KeyError) for error in found.values())


@pytest.mark.parametrize("least", [0, 3])
def test_a_fault_of_nobody_in_particular_comes_out(least: int) -> None:
    """With nobody, or only with several together."""

    def attempt(names: Sequence[str]) -> None:
        if len(names) >= least:
            raise Unforeseen from KeyError("a value")

    with pytest.raises(Unforeseen):
        run(failing("abcdefg" if least else "", attempt))
