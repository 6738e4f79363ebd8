"""A pacer: it sends touchpoints at a steady rate, from its own process, so that it does not delay the measurement.

    python -m bench.delivery.pacer BOOTSTRAP CHANNEL PARTITIONS RATE CUSTOMERS

A touchpoint's timestamp in Kafka is the time when the producer gets it. The pacer ends with its standard input.
"""

import asyncio
import random
import sys
import time
from collections import defaultdict
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from bench.delivery.stage import TYPES, Event, Places, value

TICK_S: Final = 0.01
# A pacer that falls behind prints it: such a run had a lower rate than asked for.
BEHIND_S: Final = 0.5


async def pace(bootstrap: str, channel: str, partitions: int, rate: float, customers: int) -> None:
    """Send until cancelled."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    places, chance, sent, begun_s = Places(partitions), random.Random(1), 0, time.time()
    stage = [0] * customers
    try:
        while True:
            await asyncio.sleep(TICK_S)
            due = int((time.time() - begun_s) * rate)
            if due - sent > rate * BEHIND_S:
                print("behind", flush=True)
            events = []
            for number in range(sent, due):
                person = chance.randrange(customers)
                stage[person] = min(len(TYPES) - 1, max(0, stage[person] + chance.choice((0, 0, 1, 1, -1))))
                now_ms = int(time.time() * 1000)
                events.append((person, value(person, stage[person], number, now_ms, channel=channel, seed=now_ms)))
            await _send(producer, channel, places, events)
            sent = due
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, channel: str, places: Places, events: list[Event]) -> None:
    batches: dict[int, Any] = defaultdict(producer.create_batch)
    now_ms = int(time.time() * 1000)
    for person, content in events:
        partition, key = places.of(person)
        batches[partition].append(key=key, value=content, timestamp=now_ms)
    for partition, batch in batches.items():
        batch.close()
        await producer.send_batch(batch, f"touchpoints.{channel}", partition=partition)


async def main() -> None:
    """Pace as the command line asks, until standard input ends."""
    bootstrap, channel, partitions, rate, customers = sys.argv[1:]
    pacing = asyncio.create_task(pace(bootstrap, channel, int(partitions), float(rate), int(customers)))
    asyncio.get_running_loop().add_reader(0, pacing.cancel)
    try:
        await pacing
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(main())
