"""Streams in which everybody has several names, and the reference that they are compared with at the end.

The reference is a union-find over all touchpoints (`tests/people.py`), then one fold of each person's touchpoints.
"""

import time
from collections.abc import Mapping

from streams.simulator.deviations import Deviations
from streams.simulator.event import Event
from streams.simulator.truth import Truth
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.faults.steps import Make
from tests.people import by_customer, counted
from tracker.engine.customer import CustomerFold
from tracker.planning.decode import decode
from tracker.touch import Touch

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
    made.settle(2, 180)
    compare(made, outbox_whole=outbox_whole)


def compare(made: Rig, *, outbox_whole: bool = True, sent_again: int = 0) -> None:
    """What `end` finds once everything is applied."""
    verdict = made.judge(outbox_whole=outbox_whole, sent_again=sent_again)
    assert verdict.holds, (verdict.lost, verdict.wrong[:5])
    journeys = CustomerFold([made.definition], made.settings.lateness_horizon_ms)
    expected = made.truth.figures(journeys, int(time.time() * 1000))
    found = {}
    for partition in range(made.settings.partitions):
        records = made.client.hgetall(keys(partition).states)
        found |= {name.decode(): counted(journeys, record) for name, record in records.items()}
    assert {name: each for name, each in found.items() if each} == {name: e for name, e in expected.items() if e}
    assert len(found) > len(expected), "aliases have records of their own"
