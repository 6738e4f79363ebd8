"""Batches of the outbox into a real Kafka: confirmed, numbered, in order, and again after a failure."""

import asyncio
import gc
import time

import pytest
from kafka import KafkaConsumer

from streams.clients.outbox import OutboxBatch
from streams.clients.publisher import KafkaPublisher, Unpublished
from streams.servers import Servers, ports
from tests.servers import Names, PrivateServers, create_topics
from tracker.planning.marks import EPOCH, GENERATION, PARTITION, SEQUENCE
from tracker.planning.message import Message

pytestmark = pytest.mark.integration


def publish(bootstrap: str, *batches: OutboxBatch, timeout_s: float = 10.0) -> None:
    async def scenario() -> None:
        publisher = KafkaPublisher({"bootstrap_servers": [bootstrap]}, timeout_s=timeout_s)
        try:
            for batch in batches:
                await publisher.publish(batch)
        finally:
            await publisher.close()

    asyncio.run(scenario())


async def insist(publisher: KafkaPublisher, batch: OutboxBatch) -> None:
    async with asyncio.timeout(40):
        while True:
            try:
                return await publisher.publish(batch)
            except Unpublished:
                await asyncio.sleep(0.2)


def everything(bootstrap: str, topic: str, count: int) -> list:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000,
        max_partition_fetch_bytes=4_000_000,
    )  # fmt: skip
    found = []
    for record in consumer:
        found.append(record)
        if len(found) == count:
            break
    consumer.close()
    return found


def numbers(record) -> tuple[int, int, int]:
    headers = dict(record.headers)
    return int(headers[PARTITION]), int(headers[EPOCH]), int(headers[SEQUENCE])


def test_messages_come_to_their_partitions_with_their_numbers(servers: Servers, names: Names) -> None:
    """Each bears (partition, epoch, sequence) and its generation, in the order of the batch; keys may be missing."""
    topic = names.topic("out")
    create_topics(servers.kafka_bootstrap, topic, partitions=3)
    messages = [Message(topic, number % 3, None if number % 2 else b"k", b"%d" % number) for number in range(30)]
    publish(servers.kafka_bootstrap, OutboxBatch(2, 1_790_000_000_000, 101, messages, "5f0c"))
    found = everything(servers.kafka_bootstrap, topic, 30)
    assert len(found) == 30
    for partition in range(3):
        mine = [record for record in found if record.partition == partition]
        assert [int(record.value) for record in mine] == list(range(partition, 30, 3))
        assert [numbers(record) for record in mine] == [
            (2, 1_790_000_000_000, 101 + number) for number in range(partition, 30, 3)
        ]
    assert {record.key for record in found} == {None, b"k"}
    assert {dict(record.headers)[GENERATION] for record in found} == {b"5f0c"}


def test_a_batch_of_any_size_goes_out(servers: Servers, names: Names) -> None:
    """More than one batch takes, with messages that nearly fill a broker's record."""
    topic = names.topic("out")
    create_topics(servers.kafka_bootstrap, topic, partitions=1)
    sizes = [10, 700_000, 20, 1_000_000, 30, *[5_000] * 500]
    messages = [Message(topic, 0, b"k", b"x" * size) for size in sizes]
    publish(servers.kafka_bootstrap, OutboxBatch(0, 1, 1, messages))
    found = everything(servers.kafka_bootstrap, topic, len(sizes))
    assert [len(record.value) for record in found] == sizes
    assert [numbers(record)[2] for record in found] == list(range(1, len(sizes) + 1))


def test_a_broker_that_is_not_there_is_reported_in_time() -> None:
    """`Unpublished`, within the time allowed; the batch is still in the outbox."""
    began = time.monotonic()
    with pytest.raises(Unpublished):
        publish(f"127.0.0.1:{ports.free_port()}", OutboxBatch(0, 1, 1, [Message("t", 0, None, b"")]), timeout_s=2)
    assert time.monotonic() - began < 8


@pytest.mark.slow
def test_a_broker_that_comes_back_gets_the_batch(private_servers: PrivateServers, names: Names) -> None:
    """The same publisher, the same batch, after a kill: published, and nothing before it was lost."""
    kafka, topic = private_servers.kafka(), names.topic("out")
    create_topics(kafka.bootstrap, topic, partitions=1)
    first, second = (OutboxBatch(0, 1, number, [Message(topic, 0, None, b"%d" % number)]) for number in (1, 2))

    async def scenario() -> None:
        publisher = KafkaPublisher({"bootstrap_servers": [kafka.bootstrap]}, timeout_s=3)
        await publisher.publish(first)
        kafka.kill9()
        with pytest.raises(Unpublished):
            await publisher.publish(second)
        kafka.start()
        await insist(publisher, second)
        await publisher.close()

    asyncio.run(scenario())
    assert [numbers(record) for record in everything(kafka.bootstrap, topic, 2)] == [(0, 1, 1), (0, 1, 2)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a cancelled bootstrap of aiokafka's
def test_a_frozen_broker_gets_the_batch_when_it_thaws(private_servers: PrivateServers, names: Names) -> None:
    """No answer in time is no confirmation; the repeats that this may make bear the same numbers."""
    kafka, topic = private_servers.kafka(), names.topic("out")
    create_topics(kafka.bootstrap, topic, partitions=1)
    batches = [OutboxBatch(0, 1, number, [Message(topic, 0, None, b"%d" % number)]) for number in (1, 2, 3)]

    async def scenario() -> None:
        publisher = KafkaPublisher({"bootstrap_servers": [kafka.bootstrap]}, timeout_s=2)
        await publisher.publish(batches[0])
        kafka.pause()
        try:
            for _ in range(2):
                with pytest.raises(Unpublished):
                    await publisher.publish(batches[1])
        finally:
            kafka.resume()
        await insist(publisher, batches[1])
        await insist(publisher, batches[2])
        await publisher.close()

    asyncio.run(scenario())
    found = [numbers(record)[2] for record in everything(kafka.bootstrap, topic, 99)]
    assert found[0] == 1
    assert found[-1] == 3, "nothing old comes after what is newer"
    assert set(found) == {1, 2, 3}
    gc.collect()
