"""The input of every candidate: one topic of touchpoints, the same bytes for all.

Touchpoints have 300 bytes, are in order of time, keyed by customer, and partitioned by murmur2. It knows Kafka's
producer and no reader.
"""

import asyncio
import json
import random
from collections.abc import Iterable, Iterator
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from tracker.home import murmur2

TYPES: Final = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Order Delivered")
"""The types that lead to the five stages of journey.yaml."""
BATCH_BYTES: Final = 512 * 1024
IN_FLIGHT: Final = 64

Event = tuple[int, bytes]
"""A customer's number and a message's value."""


def customer(person: int) -> str:
    """The id of a customer."""
    return f"customer-{person:07d}"


def value(person: int, stage: int, number: int, at_ms: int, *, channel: str = "web", seed: int = 1) -> bytes:
    """A touchpoint as a shop would send it."""
    return json.dumps(
        {
            "schema": "touchpoint/1",
            "event_id": f"{seed:04x}-{number:012x}",
            "type": TYPES[stage],
            "channel": channel,
            "occurred_at": at_ms,
            "ids": {"customer_id": customer(person)},
            "properties": {"product": f"p-{number % 997}", "price": number % 90 + 10, "currency": "EUR"},
            "context": {"customer_type": "b2b" if person % 5 == 0 else "b2c", "campaign": "autumn"},
        },
        separators=(",", ":"),
    ).encode()


def wander(count: int, customers: int, begin_ms: int, *, channel: str = "web", seed: int = 1) -> Iterator[Event]:
    """Customers in random order who go forward, stay or return; a touchpoint a millisecond."""
    chance = random.Random(seed)
    stage = [0] * customers
    for number in range(count):
        person = chance.randrange(customers)
        stage[person] = min(len(TYPES) - 1, max(0, stage[person] + chance.choice((0, 0, 1, 1, -1))))
        yield person, value(person, stage[person], number, begin_ms + number, channel=channel, seed=seed)


def walk(customers: int, touchpoints: int, begin_ms: int, *, channel: str = "web") -> Iterator[Event]:
    """Every customer through all five stages in `touchpoints` touchpoints each."""
    for step in range(touchpoints):
        stage = step * len(TYPES) // touchpoints
        for person in range(customers):
            number = step * customers + person
            yield person, value(person, stage, number, begin_ms + number, channel=channel)


class Places:
    """The partition of each customer, hashed once."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[int, tuple[int, bytes]] = {}

    def of(self, person: int) -> tuple[int, bytes]:
        """(partition, key)."""
        found = self._known.get(person)
        if found is None:
            key = customer(person).encode()
            found = self._known[person] = ((murmur2(key) & 0x7FFFFFFF) % self._partitions, key)
        return found


async def load(bootstrap: str, topic: str, partitions: int, events: Iterable[Event]) -> int:
    """Put touchpoints into a topic as fast as the broker takes them; how many there were."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=2**21)
    await producer.start()
    places = Places(partitions)
    open_: dict[int, Any] = {}
    waiting: set[asyncio.Future[object]] = set()
    count = 0

    async def ship(partition: int) -> None:
        batch = open_.pop(partition)
        batch.close()
        waiting.add(await producer.send_batch(batch, topic, partition=partition))
        if len(waiting) > IN_FLIGHT:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting.difference_update(done)

    try:
        for person, content in events:
            partition, key = places.of(person)
            while True:
                batch = open_.get(partition)
                if batch is None:
                    batch = open_[partition] = producer.create_batch()
                if batch.append(key=key, value=content, timestamp=None) is not None:
                    break
                await ship(partition)
            count += 1
        for partition in list(open_):
            await ship(partition)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return count
