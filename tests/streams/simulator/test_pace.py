import pytest

from streams.simulator.pace import FORGIVEN_S, paced


class Clock:
    """Time that passes only where it is slept away, or pushed."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_rate_is_held() -> None:
    """A thousand items at two hundred a second take five seconds."""
    clock = Clock()
    assert list(paced(range(1_000), 200, clock=clock, sleep=clock.sleep)) == list(range(1_000))
    assert clock.now - 100 == pytest.approx(5, abs=0.02)


def test_a_short_delay_is_made_up_for() -> None:
    """After a second's stall the items hurry until the schedule is met again."""
    clock = Clock()
    for item in paced(range(1_000), 200, clock=clock, sleep=clock.sleep):
        clock.now += 1 if item == 100 else 0
    assert clock.now - 100 == pytest.approx(5, abs=0.02)


def test_a_long_stall_is_forgiven() -> None:
    """After a stall of a minute no flood follows: the rest goes on at the same rate."""
    clock = Clock()
    for item in paced(range(1_000), 200, clock=clock, sleep=clock.sleep):
        clock.now += 60 if item == 500 else 0
    assert clock.now - 100 == pytest.approx(65, abs=0.02)
    assert FORGIVEN_S < 60


def test_duration_ends_it() -> None:
    """With a duration, even an endless stream ends."""
    clock = Clock()
    endless = iter(int, 1)
    assert len(list(paced(endless, 100, duration_s=2, clock=clock, sleep=clock.sleep))) == pytest.approx(200, abs=2)


def test_without_a_rate_nothing_waits() -> None:
    """No rate, no sleep."""
    clock = Clock()
    assert list(paced("abc", None, clock=clock, sleep=clock.sleep)) == ["a", "b", "c"]
    assert clock.now == 100
