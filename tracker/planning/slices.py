"""Slices: long work in pieces, between which whoever shares the core gets a turn.

It knows neither the work nor the clock.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SLICE: Final = 1000
"""Touchpoints, or customers, that are worked on without a pause: about a hundredth of a second."""


def slices(items: Sequence[T], size: int = SLICE) -> Iterator[Sequence[T]]:
    """The items in their order, so many at a time; all of them where there are no more."""
    if len(items) <= size:
        yield items
        return
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


class Work(Generic[T]):
    """Work in pieces: to be gone through piece by piece, and then `result` is there."""

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
