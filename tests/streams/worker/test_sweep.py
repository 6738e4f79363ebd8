"""A sweep: customers whose timer is due, written by the same steps as a batch."""

import pytest

from streams.stores.memory import MemoryStore
from streams.stores.store import Fenced
from streams.worker.commit import TIMERS
from tests.streams.worker.owner import NOW_MS, Flaky, Owner, numbers
from tests.touchpoints import DAY_MS, START_MS
from tests.virtual_time import run
from tracker.records.state import UnreadableStateError


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


def fail_for(owner: Owner, monkeypatch: pytest.MonkeyPatch, error: BaseException, *names: str) -> None:
    """Have the fold fail without touchpoints of these customers."""
    fold = owner.commit._planners.planner(0).journeys.fold

    def failing(customer, before, touches, *rest):
        if customer in names and not touches:
            raise error
        return fold(customer, before, touches, *rest)

    monkeypatch.setattr(owner.commit._planners.planner(0).journeys, "fold", failing)


@pytest.mark.parametrize("stuck", [["c3"], ["c0", "c7", "c8", "c19"], [f"c{number}" for number in range(20)]])
def test_a_timer_with_which_the_tracker_fails_is_put_off(monkeypatch, capsys, stuck: list[str]) -> None:
    """The others drop off; it is counted, logged by its hash, tried a day later, and the state is as it was."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        names = [f"c{number}" for number in range(20)]
        await owner.batch(*names)
        held = owner.store.held(0)
        before = {name: held.states[name] for name in stuck}
        now_ms = START_MS + 3 * DAY_MS
        with monkeypatch.context() as faulty:
            fail_for(owner, faulty, ZeroDivisionError("a value of c3's"), *stuck)
            assert await owner.commit.sweep(owner.lease, now_ms) == 20
            assert await owner.commit.sweep(owner.lease, now_ms) == 0, "no loop"
        assert held.aggregates.get("retail|dropoffs|seen", 0) == 20 - len(stuck)
        assert {name: held.states[name] for name in stuck} == before
        assert owner.count("tracker_timers_set_aside_total") == len(stuck)
        # A version without the fault: it heals by itself.
        assert await owner.commit.sweep(owner.lease, now_ms + DAY_MS) == len(stuck)
        assert held.aggregates["retail|dropoffs|seen"] == 20

    run(scenario())
    said = capsys.readouterr().out
    assert said.count("timers set aside") == 1
    assert "ZeroDivisionError, traceback" in said
    assert "value of c3" not in said
    assert "'c3" not in said


@pytest.mark.parametrize("error", [UnreadableStateError("damaged"), MemoryError()])
def test_a_state_that_cannot_be_read_still_ends_a_sweep(monkeypatch, error: BaseException) -> None:
    """No timer is put off for what a restart or another version must mend."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        await owner.batch("ann", "bob")
        fail_for(owner, monkeypatch, error, "ann")
        with pytest.raises(type(error)):
            await owner.commit.sweep(owner.lease, START_MS + 3 * DAY_MS)
        assert owner.store.held(0).writes == 1

    run(scenario())
