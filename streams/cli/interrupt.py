"""Ctrl-C while a command sends: the messages on their way are still confirmed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_in_order(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, which lets messages on their way be confirmed; the second one ends at once."""

    def first(_number: int, _frame: FrameType | None) -> None:
        stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
