"""The batch transport inside a real Faust app on a real Kafka."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from faust.types import TP
from kafka import KafkaProducer

from streams.servers import Servers
from streams.settings import settings
from streams.worker.app import TrackerApp, add_agents, build_app, fetch_bytes
from streams.worker.transport import Bounds, Consumer, FetchedBatch
from tests.servers import Names, create_topics
from tests.touchpoints import Record
from tracker.planning.plan import PartitionBatch

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PARTITIONS = 2


class Owner:
    """Stands where the ownership does, and notes what the transport brings."""

    waiting_records = 0
    partitions = (0,)

    def __init__(self) -> None:
        self.assigned: set[TP] = set()
        self.deliveries: list[FetchedBatch] = []

    def assign(self, assigned: set[TP]) -> None:
        self.assigned = set(assigned)

    def put(self, delivery: FetchedBatch, acknowledge: Callable[[], object]) -> None:
        self.deliveries.append(delivery)
        acknowledge()

    def offsets(self, partition: int) -> list[int]:
        """What has come of a partition."""
        mine = [delivery.batch for delivery in self.deliveries if delivery.batch.partition == partition]
        return [record.offset for batch in mine for record in batch.records]


async def until(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  # the condition is anything
            await asyncio.sleep(0.05)


def in_faust(
    servers: Servers, names: Names, topic: str, scenario: Callable[[TrackerApp, Owner], Awaitable[None]]
) -> None:
    """The scenario within a Faust app that reads the topic."""

    async def started() -> None:
        environ = {"KAFKA_BOOTSTRAP": servers.kafka_bootstrap, "TRACKER_GROUP": names.group()}
        app = build_app(settings.read(environ | {"TRACKER_SESSION_TIMEOUT_S": "6", "TRACKER_BATCH_RECORDS": "500"}))
        app.ownership = owner = Owner()
        add_agents(app, (topic,))
        await app.start()
        try:
            await until(lambda: owner.assigned)
            await scenario(app, owner)
        finally:
            await app.stop()

    asyncio.run(started())


def produce(servers: Servers, topic: str, count: int) -> None:
    """So many records for each partition."""
    producer = KafkaProducer(bootstrap_servers=servers.kafka_bootstrap, linger_ms=50)
    for number in range(count):
        for partition in range(PARTITIONS):
            producer.send(topic, b"%d" % number, partition=partition)
    producer.flush(20)
    producer.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Faust leaves sockets to the collector
def test_partitions_come_in_batches_from_where_the_owner_says(servers: Servers, names: Names) -> None:
    """Nothing before `start_at`; then its offsets, in batches under its epoch; after a rewind the same again."""
    topic = names.topic("web")
    create_topics(servers.kafka_bootstrap, topic, partitions=PARTITIONS)
    produce(servers, topic, 1_000)

    async def scenario(app: TrackerApp, owner: Owner) -> None:
        consumer = app.consumer
        assert isinstance(consumer, Consumer)
        assert {tp for tp in owner.assigned if tp.topic == topic} == {TP(topic, n) for n in range(PARTITIONS)}
        assert await consumer.bounds([topic], 0) == {topic: Bounds(0, 1_000, 1_000)}
        await asyncio.sleep(1)
        assert owner.deliveries == [], "nothing is read before the store was asked"
        await consumer.start_at(0, 7, {topic: 400})
        await until(lambda: len(owner.offsets(0)) >= 600)
        assert owner.offsets(0) == list(range(400, 1_000))
        assert (owner.offsets(1), {one.epoch for one in owner.deliveries}) == ([], {7})
        assert len(owner.deliveries) <= 6, "batches, not records"
        assert all(len(one.batch.records) <= 500 for one in owner.deliveries)
        assert owner.deliveries[-1].caught_up
        owner.deliveries.clear()
        await consumer.start_at(0, 8, {topic: 900})
        await until(lambda: len(owner.offsets(0)) >= 100)
        assert owner.offsets(0) == list(range(900, 1_000))
        assert {one.epoch for one in owner.deliveries} == {8}
        consumer.hold(topic, 1)
        await consumer.start_at(1, 9, {topic: 0})
        await until(lambda: len(owner.offsets(1)) >= 1_000)
        await until(lambda: consumer._committed_offset[TP(topic, 1)] == 1_000)

    in_faust(servers, names, topic, scenario)


def test_a_fetch_is_a_share_of_what_a_topic_may_hold() -> None:
    """Few partitions are fetched in large pieces; many never in pieces too small to be worth a request."""
    mib = 1024 * 1024
    assert [fetch_bytes(partitions) // mib for partitions in (1, 8, 16, 32, 64, 4096)] == [8, 8, 4, 2, 1, 1]


def test_a_delivery_is_divided_evenly() -> None:
    """Into as few batches as can be, the last of which alone may have read to the end; in order, none left out."""
    records = [Record(10 + number, b"") for number in range(7)]
    whole = FetchedBatch(PartitionBatch("touchpoints.web", 0, records), 5, 17)
    assert list(whole.parts(7)) == [whole]
    parts = list(whole.parts(3))
    assert [[record.offset for record in part.batch.records] for part in parts] == [[10, 11, 12], [13, 14, 15], [16]]
    assert [(part.epoch, part.caught_up) for part in parts] == [(5, False), (5, False), (5, True)]
