"""Producers that use transactions: their marks are offsets that hold no record."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.torture.rig import Rig
from tests.servers import PrivateServers, wait_until
from tests.touchpoints import touchpoint
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
STALL_S = 5


async def produce(bootstrap: str, names: list[str], partitions: int) -> None:
    """Each touchpoint in a transaction of its own."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="shop")
    await producer.start()
    try:
        for name in names:
            async with producer.transaction():
                place = home(name, partitions)
                await producer.send("touchpoints.web", touchpoint(name), name.encode(), partition=place)
    finally:
        await producer.stop()


def test_marks_of_transactions_stop_nothing(private_servers: PrivateServers, tmp_path: Path) -> None:
    """All is applied, and a worker with nothing but marks behind it is no stalled one."""
    rig = Rig(
        private_servers.kafka(), private_servers.redis(), tmp_path, options={"TRACKER_STALL_AFTER_S": str(STALL_S)}
    )
    try:
        rig.create_topics()
        rig.crew.keep(1)
        asyncio.run(produce(rig.kafka.bootstrap, [f"c{number}" for number in range(40)], rig.settings.partitions))
        wait_until(lambda: rig.total_applied() >= 40 + 36, 60)
        [worker] = rig.crew.hands
        applied_s = time.monotonic()
        wait_until(lambda: not worker.running or time.monotonic() > applied_s + 2.5 * STALL_S, 60)
        assert worker.running, rig.crew.tail()
    finally:
        rig.close()
