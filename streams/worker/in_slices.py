"""Work in slices: the partitions of a process share its core, and a fault says whether a record is to blame."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from typing import Final, TypeVar

from streams.worker.sweeping import unforeseen
from tracker.planning.slices import Work

T = TypeVar("T")
_END: Final = object()


class Unwanted(Exception):  # noqa: N818  # the caller's decision, not an error
    """The batch was abandoned before anything of it was written."""


async def in_slices(
    pieces: Generator[None, None, T], is_wanted: Callable[[], bool], sliced: Callable[[], None] = lambda: None
) -> T:
    """The result of work that is done in slices. Raises Unwanted when it is no longer wanted after a slice.

    `sliced` is called after each: a large batch under many journeys takes longer than a stall, and is none.
    """
    work = Work(pieces)
    steps = iter(work)
    while _has_more(steps):
        # The event loop runs the other partitions and the health pages meanwhile.
        sliced()
        await asyncio.sleep(0)
        if not is_wanted():
            raise Unwanted
    return work.result


def _has_more(steps: Iterator[None]) -> bool:
    """Do the next slice. Raises `Unforeseen` for a fault that a record may be to blame for."""
    with unforeseen():
        return next(steps, _END) is not _END
