"""Producers that use transactions: what is committed counts, once it is; what is taken back never does.

The marks of transactions are offsets that hold no record.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient

from streams.doctor import transactions
from streams.doctor.finding import Inquiry
from streams.doctor.transactions import open_transactions
from streams.events.files import ReadTally
from streams.events.from_kafka import CONSUMER, touches_of
from streams.repartition.kafka import waiting
from streams.stores.keys import keys
from streams.torture.rig import Rig
from tests.servers import PrivateServers, wait_until
from tests.touchpoints import touchpoint
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
STALL_S = 5
WEB = "touchpoints.web"


@pytest.fixture
def rig(private_servers: PrivateServers, tmp_path: Path) -> Iterator[Rig]:
    """One worker on servers of its own; it ends itself when records that it could apply wait for five seconds."""
    rig = Rig(
        private_servers.kafka(), private_servers.redis(), tmp_path, options={"TRACKER_STALL_AFTER_S": str(STALL_S)}
    )
    try:
        rig.create_topics()
        rig.crew.keep(1)
        yield rig
    finally:
        rig.close()


@asynccontextmanager
async def transactional(rig: Rig, name: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=rig.kafka.bootstrap, transactional_id=name)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, rig: Rig, *names: str) -> None:
    """A touchpoint of each customer, written when this returns."""
    for name in names:
        place = home(name, rig.settings.partitions)
        await producer.send(WEB, touchpoint(name, event_id=f"of-{name}"), name.encode(), partition=place)
    await producer.flush()


def is_known(rig: Rig, name: str) -> bool:
    return bool(rig.client.hexists(keys(home(name, rig.settings.partitions)).states, name))


def at_one_home(rig: Rig, count: int) -> list[str]:
    """Names of customers of one partition."""
    names = (f"c{number}" for number in range(100 * count))
    return [name for name in names if home(name, rig.settings.partitions) == 0][:count]


def require_calm(rig: Rig) -> None:
    """The worker runs on for longer than a stall would let it."""
    [worker] = rig.crew.hands
    since_s = time.monotonic()
    wait_until(lambda: not worker.running or time.monotonic() > since_s + 2.5 * STALL_S, 60)
    assert worker.running, rig.crew.tail()


def test_marks_of_transactions_stop_nothing(rig: Rig) -> None:
    """All is applied, and a worker with nothing but marks behind it is no stalled one."""

    async def one_by_one() -> None:
        async with transactional(rig, "shop") as producer:
            for number in range(40):
                async with producer.transaction():
                    await send(producer, rig, f"c{number}")

    asyncio.run(one_by_one())
    wait_until(lambda: rig.total_applied() >= 40 + 36, 60)
    require_calm(rig)


def test_what_was_taken_back_counts_for_nobody(rig: Rig) -> None:
    """A thousand touchpoints of an aborted transaction are passed over, and what comes after them is applied."""
    never, always = at_one_home(rig, 1_000), "c-always"
    after = next(name for name in (f"d{n}" for n in range(99)) if home(name, rig.settings.partitions) == 0)

    async def abort_and_commit() -> None:
        async with transactional(rig, "shop") as producer:
            async with producer.transaction():
                await send(producer, rig, always)
            await producer.begin_transaction()
            await send(producer, rig, *never)
            await producer.abort_transaction()
            async with producer.transaction():
                await send(producer, rig, after)

    asyncio.run(abort_and_commit())
    wait_until(lambda: is_known(rig, always) and is_known(rig, after), 60)
    assert not any(is_known(rig, name) for name in never)
    require_calm(rig)
    assert rig.crew.said("deleted") == 0, "a gap of offsets is no loss"


def test_an_aborted_transaction_at_the_end_is_no_lag(rig: Rig) -> None:
    """A worker that has nothing but touchpoints taken back before it waits for nothing, and nothing waits for it."""
    never = at_one_home(rig, 50)

    async def abort() -> None:
        async with transactional(rig, "shop") as producer:
            await producer.begin_transaction()
            await send(producer, rig, *never)
            await producer.abort_transaction()

    asyncio.run(abort())
    require_calm(rig)
    assert rig.total_applied() == 0
    counts = {WEB: rig.settings.partitions}
    options = {"bootstrap_servers": rig.kafka.bootstrap}
    with closing(KafkaAdminClient(**options)) as admin, closing(KafkaConsumer(**options, **CONSUMER)) as consumer:
        assert waiting(admin, consumer, counts, rig.applied()) == {}
        assert list(touches_of(consumer, WEB, ReadTally())) == []


def test_an_open_transaction_counts_once_it_is_committed(rig: Rig) -> None:
    """Until then nobody knows of it, the worker is not stalled, and tools say that something waits."""
    first, held, other = at_one_home(rig, 3)

    async def hold() -> None:
        async with transactional(rig, "shop") as shop, transactional(rig, "web") as web:
            await shop.begin_transaction()
            async with web.transaction():
                await send(web, rig, first)
            await asyncio.to_thread(wait_until, lambda: is_known(rig, first), 60)
            await send(shop, rig, held)
            async with web.transaction():
                await send(web, rig, other)
            await asyncio.to_thread(require_calm, rig)
            assert not is_known(rig, held)
            assert not is_known(rig, other), "Kafka keeps the order: what comes after it waits with it"
            options = {"bootstrap_servers": rig.kafka.bootstrap}
            with closing(KafkaAdminClient(**options)) as admin, closing(KafkaConsumer(**options, **CONSUMER)) as reader:
                assert waiting(admin, reader, {WEB: rig.settings.partitions}, rig.applied())
                assert [one.customer for one in touches_of(reader, WEB, ReadTally())] == [first]
            await shop.commit_transaction()

    asyncio.run(hold())
    wait_until(lambda: is_known(rig, held) and is_known(rig, other), 60)


def test_batches_of_two_producers_are_told_apart(rig: Rig) -> None:
    """Of transactions that lie across each other in one partition, the committed one counts and the other does not."""
    names = at_one_home(rig, 40)
    kept, dropped = names[::2], names[1::2]

    async def interleave() -> None:
        async with transactional(rig, "shop") as shop, transactional(rig, "web") as web:
            await shop.begin_transaction()
            await web.begin_transaction()
            for keeps, drops in zip(kept, dropped, strict=True):
                await send(shop, rig, keeps)
                await send(web, rig, drops)
            await web.abort_transaction()
            await shop.commit_transaction()

    asyncio.run(interleave())
    wait_until(lambda: all(is_known(rig, name) for name in kept), 60)
    assert not any(is_known(rig, name) for name in dropped)


def test_the_doctor_tells_of_an_open_transaction(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits behind it is a remark, a warning once it is old, and nothing once it has ended."""
    inquiry = Inquiry(rig.settings)

    async def hold() -> None:
        async with transactional(rig, "shop") as producer:
            await producer.begin_transaction()
            await send(producer, rig, *at_one_home(rig, 3))
            [(state, message, _)] = open_transactions(inquiry)
            assert state == "remark" and message.startswith(f"{WEB}: 3 records in partitions 0 wait behind"), message
            monkeypatch.setattr(transactions, "HANGS_AFTER_S", 0.0)
            [(state, message, remedy)] = open_transactions(inquiry)
            assert state == "warning" and "find-hanging" in remedy, message
            await producer.commit_transaction()

    asyncio.run(hold())
    wait_until(lambda: not list(open_transactions(inquiry)), 30)
