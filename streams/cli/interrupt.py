"""Ctrl-C while a command sends: what was begun is brought to its end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_in_order(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, which lets what is on its way be confirmed; the second one ends the command."""

    def first(_number: int, _frame: FrameType | None) -> None:
        stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
