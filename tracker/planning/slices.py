"""Slices: long work in pieces, between which whoever shares the core gets a turn.

It knows neither the work nor the clock.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Final, TypeVar

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


def finished(work: Generator[None, None, T]) -> T:
    """The result of work in pieces, done without pauses."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
