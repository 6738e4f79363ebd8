import signal

import pytest

from streams.cli.interrupt import ending_in_order


def test_the_first_interrupt_stops_in_order() -> None:
    """The first Ctrl-C only asks to stop, and the second one raises KeyboardInterrupt."""
    asked = []
    with ending_in_order(lambda: asked.append(True)):
        signal.raise_signal(signal.SIGINT)
        assert asked == [True]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert asked == [True]


def test_the_handler_before_comes_back() -> None:
    """After the block Ctrl-C does what it did before it."""
    before = signal.getsignal(signal.SIGINT)
    with ending_in_order(lambda: None):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
