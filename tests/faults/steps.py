"""What all tests of faults do: begin a stream, keep workers alive, and compare the end with the truth."""

import time
from collections.abc import Callable

from streams.torture.rig import Rig
from streams.torture.verdict import Verdict
from tests.servers import wait_until

Make = Callable[..., Rig]


def begin(made: Rig, customers: int = 3000, rate: float = 600) -> None:
    """Two workers in the middle of a stream."""
    made.crew.keep(2)
    made.feed(customers, rate)
    wait_until(lambda: made.total_applied() > 500, 60)


def keep_for(made: Rig, length_s: float) -> None:
    """Workers are kept at work while a fault lasts."""
    until_s = time.monotonic() + length_s
    while time.monotonic() < until_s:
        made.crew.keep(2)
        time.sleep(0.2)


def end(made: Rig, *, workers: int = 2, within_s: float = 180, outbox_whole: bool = True) -> Verdict:
    """Everything applied, and as in truth."""
    made.settle(workers, within_s)
    verdict = made.judge(outbox_whole=outbox_whole)
    assert verdict.holds, (verdict.lost, verdict.wrong[:5])
    return verdict
