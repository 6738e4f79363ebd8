import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.planning.marks import MOST_GENERATIONS, forgotten, is_repeat, mark_of


def headers(**values: object) -> list[tuple[str, bytes]]:
    return [(name, value if isinstance(value, bytes) else b"%d" % value) for name, value in values.items()]


def test_a_message_is_known_by_sender_generation_and_number() -> None:
    """The generation belongs to the source, so that numbers of two are never compared."""
    marks = headers(partition=3, epoch=2, sequence=5)
    assert mark_of(marks, 8) == ("3", 2 << 48 | 5)
    assert mark_of([*marks, ("generation", b"5f0c")], 8) == ("3 5f0c", 2 << 48 | 5)


@pytest.mark.parametrize(
    "forged",
    [
        {"partition": 8}, {"partition": -1}, {"epoch": -1}, {"sequence": 1 << 48}, {"sequence": b"x"},
        {"generation": b""}, {"generation": b"a b"}, {"generation": b"a.b"}, {"generation": b"a" * 33},
        {"generation": b"\xff"},
    ],
)  # fmt: skip
def test_headers_that_no_worker_writes_make_no_mark(forged: dict[str, object]) -> None:
    """Such a message is taken in as anybody's, and nothing is remembered of it."""
    assert mark_of(headers(**{"partition": 3, "epoch": 2, "sequence": 5, **forged}), 8) is None


def test_a_generation_has_one_epoch() -> None:
    """A message of a known generation under another epoch is no repeat, and moves no mark."""
    kept = {"from 3 a": 2 << 48 | 5}
    new: dict[str, int] = {}
    assert not is_repeat("3 a", 9 << 48 | 1, 0, kept, new)
    assert new == {}
    assert not is_repeat("3 a", 2 << 48 | 6, 0, kept, new)
    assert new == {"from 3 a": 2 << 48 | 6}


def test_repeats_are_counted_by_source() -> None:
    """The count goes on from what was kept, and stands with the marks."""
    kept = {"from 3 a": 2 << 48 | 5, "repeats 3 a": 4}
    new: dict[str, int] = {}
    assert all(is_repeat("3 a", 2 << 48 | number, 0, kept, new) for number in (4, 5))
    assert new == {"repeats 3 a": 6}


def test_the_oldest_generations_of_a_sender_are_forgotten() -> None:
    """By the offset at which they were first seen, whatever their numbers; other senders keep theirs."""
    kept = {f"{word} 3 g{at}": at for at in range(1, 5) for word in ("from", "since")} | {"since 4 x": 0, "from 3": 9}
    new = {"from 3 new": 1, "since 3 new": 70}
    assert sorted(forgotten(kept, new)) == ["from 3 g1", "since 3 g1"]
    assert new == {"from 3 new": 1, "since 3 new": 70}


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcdefgh")), max_size=60), st.integers(1, 7))
def test_what_is_remembered_is_bounded(seen: list[tuple[int, str]], size: int) -> None:
    """However many generations appear, in whatever batches, each sender has at most a few."""
    kept: dict[str, int] = {}
    for start in range(0, len(seen), size):
        new: dict[str, int] = {}
        for offset, (sender, name) in enumerate(seen[start : start + size], start):
            is_repeat(f"{sender} {name}", 1 << 48 | offset, offset, kept, new)
        for field in forgotten(kept, new):
            del kept[field]
        kept |= new
    for sender in range(3):
        assert sum(field.startswith(f"since {sender} ") for field in kept) <= MOST_GENERATIONS
