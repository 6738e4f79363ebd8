"""Workers that die while aliases are being linked: everybody ends in one journey, and every figure is the reference's.

The reference is a union-find over all touchpoints (`tests/people.py`), then one fold of each person's touchpoints.
"""

import time
from collections.abc import Mapping

import pytest

from streams.simulator.deviations import Deviations
from streams.simulator.event import Event
from streams.simulator.truth import Truth
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.faults import steps
from tests.faults.profile import LONG, seconds
from tests.faults.steps import Make
from tests.people import by_customer, counted
from tests.servers import wait_until
from tracker.engine.customer import CustomerFold
from tracker.planning.decode import decode
from tracker.touch import Touch

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(900)]
STEPS = (1, 3, 4, 5, 6, 7)
# Everybody comes under other ids first, and every third is seen on somebody else's device.
LINKS = Deviations(duplicates=0.05, disorder=0.1, late=0.05, wrong_clocks=0.05, anonymous=0.9, poison=0.001, shared=0.3)


class Kept(Truth):
    """The truth, with every touchpoint as the tracker reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.touches: dict[str, Touch] = {}

    def add(self, event: Event) -> None:
        super().add(event)
        touch = decode(event.value, None)
        if not event.poison and isinstance(touch, Touch):
            self.touches[touch.event_id] = touch

    def figures(self, journeys: CustomerFold, now_ms: int) -> dict[str, Mapping[str, int]]:
        """What each customer must add to the figures."""
        theirs = by_customer(self.touches.values())
        return {name: counted(journeys, journeys.fold(name, None, each, now_ms).after) for name, each in theirs.items()}


def begin(rig: Make, **options: object) -> Rig:
    """A rig whose truth keeps everything."""
    made = rig(deviations=LINKS, **options)
    made.truth = Kept()
    return made


def end(made: Rig, *, outbox_whole: bool = True) -> None:
    """All applied, outboxes empty, figures the sum of the states, and every state the reference's."""
    steps.end(made, outbox_whole=outbox_whole)
    journeys = CustomerFold([made.definition], made.settings.lateness_horizon_ms)
    expected = made.truth.figures(journeys, int(time.time() * 1000))
    found = {}
    for partition in range(made.settings.partitions):
        records = made.client.hgetall(keys(partition).states)
        found |= {name.decode(): counted(journeys, record) for name, record in records.items()}
    assert {name: each for name, each in found.items() if each} == {name: e for name, e in expected.items() if e}
    assert len(found) > len(expected), "aliases have records of their own"


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
