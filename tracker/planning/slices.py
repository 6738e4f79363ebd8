"""Slices: long work in pieces, between which other tasks on the same core get a turn.

It knows neither the work nor the clock.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SLICE: Final = 1000
"""Touchpoints or customers processed without a pause: about 10 ms."""


def slices(items: Sequence[T], size: int = SLICE) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    if len(items) <= size:
        yield items
        return
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


class Work(Generic[T]):
    """Work in pieces: iterate over it, and `result` is set at the end."""

    result: T

    def __init__(self, pieces: Generator[None, None, T]) -> None:
        self._pieces: Final = pieces

    def __iter__(self) -> Iterator[None]:
        self.result = yield from self._pieces


def finished(pieces: Generator[None, None, T]) -> T:
    """The result of work in pieces, done without pauses."""
    work = Work(pieces)
    for _ in work:
        pass
    return work.result
