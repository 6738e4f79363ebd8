"""The feeder: it sends a known stream to Kafka at a steady rate, through all faults of the broker.

A chunk that was not confirmed is sent again. Its touchpoints have the same event ids, so they count once.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import touchpoint_topic
from streams.simulator.event import Event
from streams.simulator.truth import Truth
from tracker.home import home

CHUNK = 200
CHUNK_TIMEOUT_S = 8.0
RETRY_S = 0.3


class Feeder:
    """Sends events from a thread of its own; `truth` holds all that was confirmed."""

    def __init__(
        self, bootstrap: str, partitions: int, events: Iterable[Event], rate: float | None, truth: Truth
    ) -> None:
        self.truth = truth
        self.confirmed = 0
        self.resent_chunks = 0
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._events = iter(events)
        self._rate = rate
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more than the chunk in hand."""
        self._stopped.set()

    def join(self, deadline_s: float) -> None:
        """Wait until everything is confirmed."""
        self._thread.join(deadline_s)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive():
            raise TimeoutError(f"{self.confirmed} messages confirmed, and more are not after {deadline_s:.0f} s")

    @property
    def done(self) -> bool:
        """Whether everything is confirmed, or the feeder has failed."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._feed())
        except BaseException as error:  # noqa: BLE001  # raised again by `join`
            self._failure = error

    async def _feed(self) -> None:
        begun_s = time.monotonic()
        producer: AIOKafkaProducer | None = None
        for chunk in _chunks(self._events):
            if self._stopped.is_set():
                break
            if self._rate:
                await asyncio.sleep(max(0.0, begun_s + self.confirmed / self._rate - time.monotonic()))
            while True:
                try:
                    async with asyncio.timeout(CHUNK_TIMEOUT_S):
                        if producer is None:
                            producer = await self._connect()
                        await self._send(producer, chunk)
                    break
                except (KafkaError, OSError, TimeoutError):
                    self.resent_chunks += 1
                    await _discard(producer)
                    producer = None
                    await asyncio.sleep(RETRY_S)
            for event in chunk:
                self.truth.add(event)
            self.confirmed += len(chunk)
        await _discard(producer)

    async def _connect(self) -> AIOKafkaProducer:
        # Idempotent: without it a retry inside the producer appends a batch twice, and `resent_chunks` does not know.
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True, max_request_size=2**21)
        try:
            await producer.start()
        except BaseException:
            await _discard(producer)
            raise
        return producer

    async def _send(self, producer: AIOKafkaProducer, chunk: list[Event]) -> None:
        places: dict[tuple[str, int], list[Event]] = defaultdict(list)
        for event in chunk:
            places[touchpoint_topic(event.channel), home(event.key.decode(), self._partitions)].append(event)
        confirmations = []
        for (topic, partition), events in places.items():
            batch = producer.create_batch()
            for event in events:
                if batch.append(key=event.key, value=event.value, timestamp=None) is None:
                    batch.close()
                    confirmations.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=event.key, value=event.value, timestamp=None)
            batch.close()
            confirmations.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*confirmations)


def _chunks(events: Iterator[Event]) -> Iterator[list[Event]]:
    while chunk := list(islice(events, CHUNK)):
        yield chunk


async def _discard(producer: AIOKafkaProducer | None) -> None:
    if producer is None:
        return
    try:
        async with asyncio.timeout(2):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError):
        return
