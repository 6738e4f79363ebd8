"""The lease of a partition: what taking one waits for, forgets and refuses."""

import pytest

from streams.clients.outbox import OutboxBatch, pack, unpack
from streams.errors import ConfigurationError
from streams.stores.memory import MemoryStore
from tests.flow.harness import SHOP
from tests.streams.worker.owner import NOW_MS, Flaky, Owner, of
from tests.virtual_time import run
from tracker.planning.message import Message


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


def test_a_partition_with_erasures_wants_their_salt() -> None:
    """Under another salt the erased would come back, so the owner ends before it reads a record."""

    async def scenario() -> None:
        store = MemoryStore()
        store.held(0).suppressed = {b"made under another salt"}
        with pytest.raises(ConfigurationError, match="TRACKER_ID_SALT"):
            await Owner(store).take()

    run(scenario())
