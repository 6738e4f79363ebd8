"""The numbered steps of docs/delivery.md: what a failure in each, and a crash after each, leaves behind."""

import asyncio
import copy

import pytest

from schemas.topics import TRANSITIONS
from streams.clients.outbox import OutboxBatch, unpack
from streams.clients.publisher import MemoryPublisher, Unpublished
from streams.stores.memory import MemoryStore
from streams.stores.store import Fenced, Lost
from tests.flow.harness import SHOP, WEB, Crash
from tests.streams.worker.owner import Flaky, Owner, numbers, plain, same
from tests.virtual_time import run
from tracker.planning.message import Message
from tracker.planning.slices import SLICE

STEPS = (1, 3, 4, 5, 6, 7)


def test_the_steps_follow_one_another() -> None:
    """A batch goes through all of them, in order, and is written before it is published."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        await owner.batch("ann")
        assert owner.steps == list(STEPS)
        assert store.calls == ["take", "read", "apply", "trim"]
        assert store.held(0).outbox == []
        assert [message.topic for message in owner.publisher.batches[0].messages] == [TRANSITIONS]

    run(scenario())


@pytest.mark.parametrize("step", [1, 3, 4, 5])
def test_step_1_to_5_a_crash_leaves_nothing_behind(step: int) -> None:
    """Before the write nothing has happened: the next owner reads the same records, and all is as without a crash."""

    async def scenario() -> None:
        def crash(number: int) -> None:
            if number == step:
                raise Crash

        first = Owner(MemoryStore(), crash)
        await first.take()
        with pytest.raises(Crash):
            await first.batch("ann", "bob")
        assert first.store.held(0).offsets == {}
        heir = Owner(first.store)
        assert (await heir.take()).offsets == {}
        await heir.batch("ann", "bob")
        assert same(heir.store, await plain())
        assert len(numbers(first, heir)) == 2

    run(scenario())


def test_step_4_a_store_that_is_away_is_waited_for() -> None:
    """The states are read as soon as it answers; meanwhile the outage is counted and said."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        store.failures["read"] = [-1] * 20
        began = asyncio.get_running_loop().time()
        batch = asyncio.ensure_future(owner.batch("ann"))
        await asyncio.sleep(5)
        assert owner.metrics.away == {"redis"}
        assert store.held(0).writes == 0
        await batch
        assert owner.metrics.away == set()
        assert owner.count("tracker_outages_total", server="redis") == 20
        assert asyncio.get_running_loop().time() - began < 45, "pauses are bounded"

    run(scenario())


def test_step_4_what_the_cache_holds_is_not_read() -> None:
    """The second touchpoint of a customer costs no round trip for its state."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        await owner.batch("ann")
        await owner.batch("ann", at=1)
        assert store.calls.count("read") == 1
        assert owner.count("tracker_cache_reads_total", found="cache") == 1

    run(scenario())


@pytest.mark.parametrize("failures", [[-1], [1], [-1, 1, 1, -1]])
def test_step_6_a_lost_answer_is_asked_for_again_and_counts_once(failures: list[int]) -> None:
    """Whether the write was done or not: after the repeat it is there once."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        store.failures["apply"] = failures
        await owner.batch("ann", "bob")
        assert same(store, await plain())
        assert (owner.lease.offsets, owner.lease.writes) == ({WEB: 2}, 1)

    run(scenario())


def test_step_6_a_crash_leaves_an_outbox_that_the_next_owner_sends_first() -> None:
    """The batch counts; its messages go out before anything new, under the numbers that they had."""

    async def scenario() -> None:
        def crash(number: int) -> None:
            if number == 6:
                raise Crash

        first = Owner(MemoryStore(), crash)
        await first.take()
        with pytest.raises(Crash):
            await first.batch("ann", "bob")
        [blob] = first.store.held(0).outbox
        assert numbers(first) == []
        heir = Owner(first.store)
        lease = await heir.take()
        assert heir.publisher.batches == [unpack(blob)], "as they were packed, with the epoch of their own time"
        assert (lease.offsets, lease.outbox, heir.store.held(0).outbox) == ({WEB: 2}, [], [])
        assert same(heir.store, await plain())
        await heir.batch("cyd", at=2)
        assert [sequence for _, _, sequence, _ in numbers(heir)] == [1, 2, 3]

    run(scenario())


def test_step_6_an_old_owner_is_refused_and_publishes_nothing() -> None:
    """A process that slept while its partition moved leaves no trace."""

    async def scenario() -> None:
        old = Owner(MemoryStore())
        await old.take()
        new = Owner(old.store)
        await new.take()
        await new.batch("ann", "bob")
        with pytest.raises(Fenced):
            await old.batch("ann", "bob")
        assert same(new.store, await plain())
        assert numbers(old) == []
        assert old.cache.read(0, ["ann"])["ann"] is None

    run(scenario())


def test_step_6_a_store_that_lost_its_last_write_refuses_the_next() -> None:
    """Also where the next one is of another topic; taken again, all is as if nothing had been lost."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        kept = copy.deepcopy(owner.store.held(0))
        await owner.batch("ann", "bob")
        owner.store.partitions[0] = kept
        with pytest.raises(Lost):
            await owner.batch("ann", topic=SHOP)
        await owner.take()
        assert owner.cache.read(0, ["ann"])["ann"] is None, "what was cached came from what is lost"
        await owner.batch("ann", "bob")
        assert same(owner.store, await plain())

    run(scenario())


def test_step_7_a_broker_that_is_away_is_waited_for() -> None:
    """The messages stay in the outbox until it has them, and then go out once."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        owner.publisher.fail_next = 8
        batch = asyncio.ensure_future(owner.batch("ann", "bob"))
        await asyncio.sleep(1)
        assert owner.metrics.away == {"kafka"}
        assert len(owner.store.held(0).outbox) == 1
        await batch
        assert same(owner.store, await plain())
        assert len(numbers(owner)) == 2

    run(scenario())


def test_step_7_a_crash_between_publishing_and_trimming_repeats_identically() -> None:
    """The broker may have had the messages: the next owner sends them again under the same numbers."""

    class Dying(MemoryPublisher):
        async def publish(self, batch):
            await super().publish(batch)
            raise Crash

    async def scenario() -> None:
        first = Owner(MemoryStore())
        first.commit._publisher = first.publisher = Dying()
        await first.take()
        with pytest.raises(Crash):
            await first.batch("ann", "bob")
        heir = Owner(first.store)
        await heir.take()
        assert numbers(first) == numbers(heir)
        assert same(heir.store, await plain())

    run(scenario())


@pytest.mark.parametrize("failures", [[-1], [1, 1]])
def test_step_7_a_trim_without_an_answer_trims_once(failures: list[int]) -> None:
    """A repeat takes nothing that is not meant."""

    async def scenario() -> None:
        owner = Owner(store := Flaky())
        await owner.take()
        store.failures["trim"] = failures
        await owner.batch("ann", "bob")
        assert same(store, await plain())

    run(scenario())


def test_step_8_a_crash_after_step_7_only_reads_again_what_is_refused() -> None:
    """Not acknowledged, but applied: the next owner's offset is after the batch, and the batch changes nothing."""

    async def scenario() -> None:
        first = Owner(MemoryStore())
        await first.take()
        await first.batch("ann", "bob")
        heir = Owner(first.store)
        assert (await heir.take()).offsets == {WEB: 2}
        before = dict(heir.store.held(0).states), dict(heir.store.held(0).aggregates)
        await heir.batch("ann", "bob")
        assert (heir.store.held(0).states, heir.store.held(0).aggregates) == before
        assert numbers(heir) == []

    run(scenario())


def test_a_fault_of_ours_is_no_outage() -> None:
    """What is neither refusal nor outage comes out at once, so that the process ends and says so."""

    async def scenario() -> None:
        owner = Owner(store := MemoryStore())
        await owner.take()

        async def broken(*_args):
            raise ZeroDivisionError

        store.apply = broken
        with pytest.raises(ZeroDivisionError):
            await owner.batch("ann")

    run(scenario())


def test_the_memory_publisher_fails_when_asked_to() -> None:
    """The fake that ships with the product does what the tests believe."""

    async def scenario() -> None:
        publisher = MemoryPublisher()
        publisher.fail_next = 1
        batch = OutboxBatch(0, 1, 1, [Message("t", 0, None, b"")])
        with pytest.raises(Unpublished):
            await publisher.publish(batch)
        await publisher.publish(batch)
        assert publisher.batches == [batch]

    run(scenario())


def test_a_large_batch_in_the_making_is_no_stall() -> None:
    """Each slice of it counts as progress, long before anything is applied."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        before = []

        def progressing() -> None:
            before.append(5 not in owner.steps)

        owner.metrics.progressing = progressing
        await owner.batch(*(f"c{number}" for number in range(SLICE * 3)))
        assert before.count(True) >= 4

    run(scenario())
