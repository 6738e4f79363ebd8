"""Workers that die while aliases are being linked: everybody ends in one journey, every figure is the reference's."""

import time

import pytest

from tests.faults.linked import begin, end
from tests.faults.profile import LONG, seconds
from tests.faults.steps import Make
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]
STEPS = (1, 3, 4, 5, 6, 7)


def test_killed_after_each_step_while_names_are_linked(rig: Make) -> None:
    """One worker lives; beside it others die, two by two, each right after a step of the delivery, in one stream."""
    made = begin(rig)
    made.crew.start()
    feeder = made.feed(20_000 if LONG else 5_000, rate=400 if LONG else 200)
    for pair in zip(STEPS[::2], STEPS[1::2], strict=True):
        doomed = [made.crew.start(failpoint=f"{step}:{40 if LONG else 6}") for step in pair]
        wait_until(lambda doomed=doomed: not any(hand.running for hand in doomed) or feeder.done, 120)
        made.crew.keep(1)
    assert made.crew.ends.count(-9) >= 3, "at least half of them met their step while there was something to do"
    end(made)


def test_redis_emptied_while_names_are_linked(rig: Make) -> None:
    """All states are built again from Kafka, although `journey.routed` holds what was published before."""
    made = begin(rig)
    made.crew.keep(2)
    feeder = made.feed(20_000 if LONG else 800, rate=None if LONG else 400)
    wait_until(lambda: feeder.confirmed > 600, 60)
    made.client.flushall()
    time.sleep(seconds(1, 10))
    made.crew.kill(made.crew.hands[0])
    end(made, outbox_whole=False)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS if LONG else (6,))
def test_killed_after_a_step(rig: Make, step: int) -> None:
    """Both workers die at the same step of their work, again and again."""
    made = begin(rig)
    for place in range(6):
        made.crew.start(failpoint=f"{step}:{5 + 3 * place}")
    made.feed(4_000, rate=None)
    end(made)
