"""A sweep: customers whose timer is due, written by the same steps as a batch."""

import pytest

from streams.stores.memory import MemoryStore
from streams.stores.store import Fenced
from streams.worker.commit import TIMERS
from tests.streams.worker.owner import NOW_MS, Flaky, Owner, numbers
from tests.touchpoints import DAY_MS, START_MS
from tests.virtual_time import run


def test_a_sweep_is_written_like_a_batch() -> None:
    """Drop-offs by the clock alone are fenced, counted by an offset of their own, and published."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        await owner.batch("ann", "bob")
        assert await owner.commit.sweep(owner.lease, NOW_MS) == 0
        assert await owner.commit.sweep(owner.lease, START_MS + 3 * DAY_MS) == 2
        held = owner.store.held(0)
        assert (held.offsets[TIMERS], held.timers, held.days) == (1, {}, {})
        assert held.aggregates["retail|dropoffs|seen"] == 2
        assert len(numbers(owner)) == 4
        heir = Owner(owner.store)
        await heir.take()
        with pytest.raises(Fenced):
            await owner.commit._write(owner.lease, {TIMERS: 2}, (await heir.batch("cyd", at=2)), owner.metrics.clock())

    run(scenario())


@pytest.mark.parametrize("failures", [[-1], [1]])
def test_a_sweep_whose_answer_is_lost_counts_once(failures: list[int]) -> None:
    """As a batch does."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        await owner.batch("ann")
        store.failures["apply"] = failures
        await owner.commit.sweep(owner.lease, START_MS + 3 * DAY_MS)
        assert store.held(0).aggregates["retail|dropoffs|seen"] == 1

    run(scenario())
