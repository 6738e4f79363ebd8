"""The publisher: it sends batches of messages to Kafka and awaits the broker's confirmation of each."""
# ruff: noqa: D102  # `Publisher` says what each method does

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from time import time
from types import MappingProxyType
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.clients.outbox import OutboxBatch
from tracker.planning.marks import AGAIN, EPOCH, GENERATION, PARTITION, SEQUENCE

MAX_BATCH_BYTES: Final = 512 * 1024
# How long the sockets of an abandoned producer may take to close.
ABANDON_S: Final = 1.0
# A rejection holds its original in base64; by Kafka's default the original may have 1 MiB.
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024


class Unpublished(Exception):  # noqa: N818  # the state of the world, not of our code
    """The broker has not confirmed the batch. It stays in the outbox and may be sent again."""


class Publisher(Protocol):
    """Publishes batches of messages to their topics."""

    async def publish(self, batch: OutboxBatch) -> None:
        """Return when the broker has confirmed every message of the batch. Raises `Unpublished`."""

    async def close(self) -> None:
        """Close the connections."""


class KafkaPublisher:
    """One idempotent producer, replaced by a new one after a failure.

    Records are passed on in whole batches (`send_batch`), which takes 2.2 µs of CPU a message against 15.6 µs for
    `send`.
    """

    def __init__(
        self, options: Mapping[str, Any], *, timeout_s: float = 10.0, topics: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`topics`: by the name that messages bear, the name in Kafka, where they differ."""
        self._options = dict(options)
        self._topics = topics
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._building = asyncio.Lock()
        self._abandoned: set[asyncio.Future[None]] = set()

    async def publish(self, batch: OutboxBatch) -> None:
        producer = None
        try:
            async with asyncio.timeout(self._timeout_s):
                producer = await self._ready()
                await self._send(producer, batch)
        except (KafkaError, OSError, TimeoutError) as error:
            self._discard(producer)
            raise Unpublished(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)
        await asyncio.gather(*self._abandoned)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._building:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=MAX_BATCH_BYTES,
                    max_request_size=MAX_REQUEST_BYTES,
                    **self._options,
                )
                try:
                    await producer.start()
                except BaseException:
                    self._leave(producer)
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer | None) -> None:
        """Never use this producer again: after a broker's error, an idempotent one can stop for good (aiokafka#1017).

        Several partitions may fail with the same producer. One of them may have built a new one by now, which stays.
        """
        if producer is not None and producer is self._producer:
            self._producer = None
            self._leave(producer)

    def _leave(self, producer: AIOKafkaProducer) -> None:
        leaving = asyncio.ensure_future(_abandon(producer))
        self._abandoned.add(leaving)
        leaving.add_done_callback(self._abandoned.discard)

    async def _send(self, producer: AIOKafkaProducer, batch: OutboxBatch) -> None:
        confirmations = []
        mark = [(PARTITION, b"%d" % batch.partition), (EPOCH, b"%d" % batch.epoch)]
        if batch.generation:
            mark.append((GENERATION, batch.generation.encode()))
        # Within one topic-partition the messages keep their order of sequence: consumers recognise repeats by it.
        by_place: dict[tuple[str, int], list[tuple[int, Any]]] = defaultdict(list)
        for sequence, message in enumerate(batch.messages, batch.first_sequence):
            by_place[message.topic, message.partition].append((sequence, message))
        now_ms = int(time() * 1000)
        for (name, partition), messages in by_place.items():
            topic = self._topics.get(name, name)
            records = producer.create_batch()
            for sequence, message in messages:
                key, value, headers = message.key, message.value, self._headers(mark, sequence)
                if message.again:
                    headers.append((AGAIN, b"1"))
                if records.append(key=key, value=value, timestamp=now_ms, headers=headers) is None:
                    records.close()
                    confirmations.append(await producer.send_batch(records, topic, partition=partition))
                    records = producer.create_batch()
                    # An empty batch accepts a record of any size.
                    records.append(key=key, value=value, timestamp=now_ms, headers=headers)
            records.close()
            confirmations.append(await producer.send_batch(records, topic, partition=partition))
        await asyncio.gather(*confirmations)

    def _headers(self, mark: list[tuple[str, bytes]], sequence: int) -> list[tuple[str, bytes]]:
        """The headers by which a repeat of a message is recognised; `mark` is shared by all messages of a batch."""
        return [*mark, (SEQUENCE, b"%d" % sequence)]


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer without sending what it still holds: the outbox has it too, and a late copy breaks the order."""
    producer._closed = True  # noqa: SLF001  # `stop` would wait for the broker to take everything
    closing = asyncio.gather(producer._sender.close(), producer.client.close(), return_exceptions=True)  # noqa: SLF001
    # A frozen broker neither answers a request nor closes its connection.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing, ABANDON_S)


class MemoryPublisher:
    """Keeps published batches in a list, for tests and trials; `fail_next` is how many of the next calls fail."""

    def __init__(self, on_publish: Callable[[OutboxBatch], None] = lambda _batch: None) -> None:
        self.batches: list[OutboxBatch] = []
        self.fail_next = 0
        self._on_publish = on_publish

    async def publish(self, batch: OutboxBatch) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise Unpublished("asked to fail")
        self.batches.append(batch)
        self._on_publish(batch)

    async def close(self) -> None:
        """Nothing to let go of."""
