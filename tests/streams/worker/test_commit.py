"""The numbered steps of docs/delivery.md: what a failure in each, and a crash after each, leaves behind."""

import asyncio
import copy
from collections.abc import Callable

import pytest

from schemas.topics import TRANSITIONS
from streams.clients.outbox import OutboxBatch, pack, unpack
from streams.clients.publisher import MemoryPublisher, Unpublished
from streams.errors import ConfigurationError
from streams.stores.memory import MemoryStore
from streams.stores.store import Fenced, Lease, Lost, Unavailable
from streams.worker.cache import Cache
from streams.worker.commit import TIMERS, Commit
from streams.worker.metrics import WorkerMetrics
from tests.flow.harness import SHOP, WEB, Crash, definition
from tests.touchpoints import DAY_MS, START_MS, Record, touchpoint
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.planning.message import Message
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner

NOW_MS = START_MS + 1_000
STEPS = (1, 3, 4, 5, 6, 7)


class Flaky(MemoryStore):
    """A store in memory whose named calls fail: before their work (`-1`) or after it, their answer lost (`+1`)."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, list[int]] = {}
        self.calls: list[str] = []

    async def _call(self, name, call, *args):
        self.calls.append(name)
        failures = self.failures.get(name, [])
        when = failures.pop(0) if failures else 0
        if when < 0:
            raise Unavailable("down")
        # Whoever gets no answer does not know what has become of the call.
        told = [copy.deepcopy(part) if when and isinstance(part, Lease) else part for part in args]
        answer = await call(*told)
        if when > 0:
            raise Unavailable("the answer is lost")
        return answer

    async def take(self, *args):
        return await self._call("take", super().take, *args)

    async def read(self, *args):
        return await self._call("read", super().read, *args)

    async def apply(self, *args):
        return await self._call("apply", super().apply, *args)

    async def trim(self, *args):
        return await self._call("trim", super().trim, *args)

    async def due(self, *args):
        return await self._call("due", super().due, *args)


class Owner:
    """A commit with all that it needs, on a store that may be another's too."""

    def __init__(self, store: MemoryStore, after_step: Callable[[int], None] = lambda _step: None) -> None:
        self.store = store
        self.publisher = MemoryPublisher()
        self.cache = Cache(1_000_000)
        self.metrics = WorkerMetrics()
        self.steps: list[int] = []

        def reached(step: int) -> None:
            self.steps.append(step)
            after_step(step)

        planner = Planner(CustomerFold([definition()]), partitions=1)
        self.commit = Commit(planner, store, self.publisher, self.cache, self.metrics, reached)

    async def take(self):
        self.lease = await self.commit.take(0)
        return self.lease

    async def batch(self, *names: str, topic: str = WEB, at: int = 0):
        return await self.commit.batch(self.lease, [of(*names, topic=topic, at=at)], NOW_MS, NOW_MS)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def of(*names: str, topic: str = WEB, at: int = 0) -> PartitionBatch:
    """One first visit each, from an offset on."""
    return PartitionBatch(topic, 0, [Record(at + place, touchpoint(name)) for place, name in enumerate(names)])


def numbers(*owners: Owner) -> list[tuple[int, int, int, bytes]]:
    """Everything published by these, repeats and all, as (partition, epoch, sequence, value)."""
    return [
        (batch.partition, batch.epoch, sequence, message.value)
        for owner in owners
        for batch in owner.publisher.batches
        for sequence, message in enumerate(batch.messages, batch.first_sequence)
    ]


async def plain() -> MemoryStore:
    """The store after one batch of two customers without any fault."""
    owner = Owner(MemoryStore())
    await owner.take()
    await owner.batch("ann", "bob")
    return owner.store


def same(one: MemoryStore, other: MemoryStore) -> bool:
    """Equal but for the epoch."""
    mine, theirs = one.held(0), other.held(0)
    names = ("offsets", "states", "aggregates", "timers", "days", "outbox", "sequence", "writes")
    return all(getattr(mine, name) == getattr(theirs, name) for name in names)


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


def test_taking_waits_for_both_servers() -> None:
    """Neither an outage of the store nor one of the broker keeps a partition from being taken in the end."""

    async def scenario() -> None:
        first = Owner(MemoryStore())
        await first.take()
        blob = pack(OutboxBatch(0, 7, 1, [Message("t", 0, None, b"")]))
        store = Flaky()
        store.held(0).outbox.append(blob)
        store.held(0).sequence = 1
        heir = Owner(store)
        store.failures["take"] = [-1, 1]
        heir.publisher.fail_next = 2
        await heir.take()
        assert (store.held(0).outbox, heir.publisher.batches) == ([], [unpack(blob)])

    run(scenario())


def test_taking_drops_the_cache() -> None:
    """Another owner may have written meanwhile: nothing that was known of the partition is believed."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        await owner.take()
        await owner.batch("ann")
        assert owner.cache.read(0, ["ann"])["ann"]
        await owner.take()
        assert owner.cache.read(0, ["ann"])["ann"] is None

    run(scenario())


def test_a_write_that_ends_after_the_partition_was_taken_anew_is_not_cached() -> None:
    """The answer to an old lease's write may come late; by then newer states may be in the cache."""

    async def scenario() -> None:
        owner = Owner(MemoryStore())
        old = await owner.take()
        apply = owner.store.apply

        async def slow(*args):
            await apply(*args)
            owner.store.apply = apply
            await owner.take()
            await owner.batch("ann", topic=SHOP)
            owner.cache.drop(0)

        owner.store.apply = slow
        await owner.commit.batch(old, [of("ann")], NOW_MS, NOW_MS)
        assert owner.cache.read(0, ["ann"])["ann"] is None

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


def test_the_memory_publisher_fails_when_told_to() -> None:
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


def test_a_partition_with_erasures_wants_their_salt() -> None:
    """Under another salt the erased would come back, so the owner ends before it reads a record."""

    async def scenario() -> None:
        store = MemoryStore()
        store.held(0).suppressed = {b"made under another salt"}
        with pytest.raises(ConfigurationError, match="TRACKER_ID_SALT"):
            await Owner(store).take()

    run(scenario())
