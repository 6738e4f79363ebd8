"""The stage that every candidate plays on: one broker, one Redis, one topic's worth of touchpoints in three topics.

A million touchpoints (300 bytes each) of a hundred thousand customers on a five-stage journey, in order of time,
keyed by customer, in partitions by murmur2: what every candidate reads is the same bytes.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.topics import topics
from tracker.home import home

# (channel, type) of the stages of examples/journeys/seven-stages.yaml that a customer walks through.
STEPS: Final = (
    ("web", "Page Viewed"),
    ("web", "Product Viewed"),
    ("web", "Product Added"),
    ("shop", "Order Completed"),
    ("support", "Order Delivered"),
)
BEGIN_MS: Final = 1_790_000_000_000


def touchpoints(count: int, customers: int, seed: int = 1) -> Iterator[tuple[str, str, bytes]]:
    """(channel, customer, value) of each, oldest first; a customer goes forward, stays or returns."""
    chance = random.Random(seed)
    stage = [0] * customers
    for number in range(count):
        person = chance.randrange(customers)
        stage[person] = min(len(STEPS) - 1, max(0, stage[person] + chance.choice((0, 0, 1, 1, -1))))
        channel, type_ = STEPS[stage[person]]
        customer = f"customer-{person:07d}"
        value = {
            "schema": "touchpoint/1",
            "event_id": f"{seed:04x}-{number:012x}",
            "type": type_,
            "channel": channel,
            "occurred_at": BEGIN_MS + number,
            "ids": {"customer_id": customer},
            "properties": {"product": f"p-{number % 997}", "price": number % 90 + 10, "currency": "EUR"},
            "context": {"customer_type": "b2b" if person % 5 == 0 else "b2c", "campaign": "autumn"},
        }
        yield channel, customer, json.dumps(value, separators=(",", ":")).encode()


def create_topics(bootstrap: str, partitions: int) -> None:
    """All topics of an installation."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(topic.name, partitions, 1) for topic in topics()])
    finally:
        admin.close()


async def load(bootstrap: str, count: int, customers: int, partitions: int, seed: int = 1) -> None:
    """Put the touchpoints into their topics."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=512 * 1024, max_request_size=2**21)
    await producer.start()
    open_: dict[tuple[str, int], object] = {}
    waiting: set[asyncio.Future[object]] = set()

    async def ship(place: tuple[str, int]) -> None:
        batch = open_.pop(place)
        batch.close()  # type: ignore[attr-defined]
        waiting.add(await producer.send_batch(batch, f"touchpoints.{place[0]}", partition=place[1]))
        if len(waiting) > 64:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting.difference_update(done)

    for channel, customer, value in touchpoints(count, customers, seed):
        place = (channel, home(customer, partitions))
        while open_.setdefault(place, producer.create_batch()).append(  # type: ignore[attr-defined]
            key=customer.encode(), value=value, timestamp=None
        ) is None:
            await ship(place)
    for place in list(open_):
        await ship(place)
    await asyncio.gather(*waiting)
    await producer.stop()
