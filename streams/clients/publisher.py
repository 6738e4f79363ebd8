"""The publisher: batches of messages into Kafka, each awaited until the broker has it."""
# ruff: noqa: D102  # `Publisher` says what each method does

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from time import time
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.clients.outbox import OutboxBatch
from tracker.planning.marks import AGAIN, EPOCH, GENERATION, PARTITION, SEQUENCE

MAX_BATCH_BYTES: Final = 512 * 1024
ABANDON_S: Final = 1.0
# A rejection holds its original, of up to 1 MiB by Kafka's default, in base64.
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024


class Unpublished(Exception):  # noqa: N818  # the state of the world, not of our code
    """The broker has not confirmed; the batch stays in the outbox and may be sent again."""


class Publisher(Protocol):
    """Brings batches to their topics."""

    async def publish(self, batch: OutboxBatch) -> None:
        """Return when the broker has every message of the batch. Raises `Unpublished`."""

    async def close(self) -> None:
        """Let go of connections."""


class KafkaPublisher:
    """One idempotent producer, built anew after a failure.

    A whole batch of records is handed over at once (`send_batch`): 2.2 µs of CPU a message against 15.6 µs for
    `send`.
    """

    def __init__(self, options: Mapping[str, Any], *, timeout_s: float = 10.0) -> None:
        self._options = dict(options)
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
        """An idempotent producer can stop for good after a broker's hiccup (aiokafka#1017): never use it again.

        Several partitions may fail with the same one; what one of them has built since is left alone.
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
        by_place: dict[tuple[str, int], list[tuple[int, Any]]] = defaultdict(list)
        for sequence, message in enumerate(batch.messages, batch.first_sequence):
            by_place[message.topic, message.partition].append((sequence, message))
        now_ms = int(time() * 1000)
        for (topic, partition), messages in by_place.items():
            records = producer.create_batch()
            for sequence, message in messages:
                key, value, headers = message.key, message.value, self._headers(mark, sequence)
                if message.again:
                    headers.append((AGAIN, b"1"))
                if records.append(key=key, value=value, timestamp=now_ms, headers=headers) is None:
                    records.close()
                    confirmations.append(await producer.send_batch(records, topic, partition=partition))
                    records = producer.create_batch()
                    # A batch takes its first record whatever its size.
                    records.append(key=key, value=value, timestamp=now_ms, headers=headers)
            records.close()
            confirmations.append(await producer.send_batch(records, topic, partition=partition))
        await asyncio.gather(*confirmations)

    def _headers(self, mark: list[tuple[str, bytes]], sequence: int) -> list[tuple[str, bytes]]:
        """What tells a repeat of a message; `mark` is the same for all of its batch."""
        return [*mark, (SEQUENCE, b"%d" % sequence)]


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer without sending what it still holds: that stands in the outbox, and would come late."""
    producer._closed = True  # noqa: SLF001  # `stop` would wait for the broker to take everything
    closing = asyncio.gather(producer._sender.close(), producer.client.close(), return_exceptions=True)  # noqa: SLF001
    # A request to a frozen broker is never answered, not even by the end of its connection.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing, ABANDON_S)


class MemoryPublisher:
    """Keeps what was published, for tests and trials; `fail_next` lets the next calls fail."""

    def __init__(self, on_publish: Callable[[OutboxBatch], None] = lambda _batch: None) -> None:
        self.batches: list[OutboxBatch] = []
        self.fail_next = 0
        self._on_publish = on_publish

    async def publish(self, batch: OutboxBatch) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise Unpublished("told to fail")
        self.batches.append(batch)
        self._on_publish(batch)

    async def close(self) -> None:
        """Nothing to let go of."""
