"""Faust's transport, with one message for each batch of a partition: Faust's assignment, agents and commits stay.

Topics have their plain names on this side, whatever build the process keeps (`streams/definitions/builds.py`).

Faust creates a task for every message, which costs more than folding a touchpoint. Here the records of a partition
from one poll are the value of a single message. The transport is registered as `batched` under Faust's
`faust.transports` entry points. docs/decisions/0002-batch-transport.md says what is overridden, and why.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import aiokafka
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult, PartitionRecords
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.clients.any_headers import allow_in_aiokafka
from streams.clients.topic_facts import TopicFacts, ask
from streams.definitions.builds import plain, topic_of
from tracker.planning.plan import PartitionBatch
from tracker.planning.slices import slices

FETCH_MAX_WAIT_MS: Final = 200
FETCH_S: Final = 0.02
"""How long a fetch may find nothing. Partitions that were resumed meanwhile are asked only by the next one."""
FULL_S: Final = 0.01
"""The pause while nothing may be read."""
IN_PROGRESS: Final = 120_000
"""Records that a process may have in progress over all its partitions: this bounds its memory, at 3 to 5 KB each."""
LEAST_RECORDS: Final = 1_000
"""Batches are not cut smaller, however many partitions share IN_PROGRESS: each costs the same round trips."""
MOST_BATCHES: Final = 3
"""Full batches that may wait in this process before reading stops: this bounds its memory too."""


@dataclass(slots=True)
class FetchedBatch:
    """A batch on its way from the fetcher to its partition worker."""

    batch: PartitionBatch
    epoch: int | None
    """The epoch under which the partition was read; None: before it was taken."""
    end_offset: int | None
    """The offset after the newest record that the broker had when it answered."""
    stable_offset: int | None = None
    """Where the first transaction begins that was still open then, else the same; None: the broker did not say."""

    @property
    def caught_up(self) -> bool:
        """Whether the topic-partition held nothing readable behind the batch when it was read."""
        end = self.end_offset if self.stable_offset is None else self.stable_offset
        return end is None or self.batch.next_offset >= end

    def parts(self, most: int) -> "Iterator[FetchedBatch]":
        """The same records in as few batches of at most `most` records as possible, of about one size."""
        count = -(-len(self.batch.records) // most)
        if count <= 1:
            yield self
            return
        for records in slices(self.batch.records, -(-len(self.batch.records) // count)):
            yield replace(self, batch=PartitionBatch(self.batch.topic, self.batch.partition, records))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What Kafka holds of a topic-partition: from `first` up to, not including, `end`."""

    first: int
    end: int
    stable: int
    """Up to here it can be read: where the first open transaction begins, `end` where none is open."""


class _NeverRead(defaultdict[TP, None]):
    """Faust's read offsets, never remembered: Faust drops messages before them, so a rewind would read nothing."""

    def __setitem__(self, key: TP, value: object) -> None:
        """Remember nothing: stale batches are recognised by their epoch."""

    def __getitem__(self, key: TP) -> None:
        return None

    def update(self, *args: object, **kwargs: object) -> None:
        """Remember nothing."""


class _BareRecords(PartitionRecords):
    """The records of a fetch as they were parsed. aiokafka copies each, which takes a tenth of a worker's time."""

    def _consumer_record(self, _tp: TopicPartition, record: Any) -> Any:
        return record


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, reading whole batches from the offsets that the store holds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._build: str = self.consumer.app.build
        self.epochs: dict[int, int] = {}
        self._fetched: dict[tuple[str, int], int] = {}
        """By topic and partition, the offset after the newest record that was passed on."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        allow_in_aiokafka()
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it. With its 1.5 s, a partition that was just taken would wait as long for a fetch
        # of the other partitions that finds nothing.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001  # the only way to it
        # Faust skips aborted transactions only where it writes in transactions itself. A touchpoint that a producer
        # aborts must never count, and one that it may still abort must not count yet.
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # the only way to it
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, Any]:
        # Fetched but not yet taken: the class is changed in place, since aiokafka makes these objects by itself.
        for fetched in consumer._fetcher._records.values():  # noqa: SLF001  # the only way to it
            if isinstance(fetched, FetchResult) and fetched.has_more():
                fetched._partition_records.__class__ = _BareRecords  # noqa: SLF001
        found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        # A batch bears the epoch of the last seek before it was read. This holds because nothing is awaited between
        # the records' leaving the fetcher and this line, nor between the seek and its epoch in `_start_at`.
        deliveries = {}
        for tp, records in found.items():
            if records:
                topic = plain(tp.topic, self._build)
                self._fetched[topic, tp.partition] = records[-1].offset + 1
                batch = PartitionBatch(topic, tp.partition, records)
                deliveries[tp] = FetchedBatch(
                    batch, self.epochs.get(tp.partition), consumer.highwater(tp), consumer.last_stable_offset(tp)
                )
        return deliveries

    async def start_at(self, partition: int, epoch: int, offsets: Mapping[str, int]) -> None:
        """Read the partition of each topic from its offset; batches read from now on bear this epoch."""
        await self.call_thread(self._start_at, partition, epoch, offsets)

    async def _start_at(self, partition: int, epoch: int, offsets: Mapping[str, int]) -> None:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for topic, offset in offsets.items():
            tp = self._place(topic, partition)
            if tp in assigned:
                consumer.seek(tp, offset)
                self._fetched[topic, partition] = offset
        self.epochs[partition] = epoch

    def is_at_end(self, topic: str, partition: int, applied: int) -> bool:
        """Whether no readable record lies behind offset `applied`.

        Markers of transactions, records of aborted ones and those of open ones may lie there. The end is not enough:
        an offset that is no record is never delivered, so the applied offset stays before it.
        """
        assignment = self._ensure_consumer()._subscription.subscription.assignment  # noqa: SLF001
        tp = self._place(topic, partition)
        if assignment is None or tp not in assignment.tps:
            return False
        state = assignment.state_value(tp)
        end = state.highwater if state.lso is None else state.lso
        read_to = state._position  # noqa: SLF001  # `position` asserts that there is one
        return (
            read_to is not None
            and end is not None
            and read_to >= end
            and self._fetched.get((topic, partition), 0) <= applied
        )

    async def bounds(self, topics: Iterable[str], partition: int) -> dict[str, Bounds]:
        """What Kafka holds of the partition in each topic. Raises aiokafka's errors."""
        tps = [self._place(topic, partition) for topic in topics]
        return await self.call_thread(self._bounds, tps)

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """The consumer group's offsets; topics without one are left out. Raises aiokafka's errors."""
        return await self.call_thread(self._committed, list(topics), partition)

    async def uncommit(self, topics: Iterable[str], partition: int) -> None:
        """Set the consumer group's offsets back to 0. Raises aiokafka's errors."""
        await self.call_thread(self._uncommit, [self._place(topic, partition) for topic in topics])

    async def _uncommit(self, tps: list[TopicPartition]) -> None:
        await self._ensure_consumer().commit(dict.fromkeys(tps, 0))

    async def facts(self, topics: Iterable[str]) -> dict[str, TopicFacts]:
        """Ids and numbers of partitions of the topics that exist. Raises aiokafka's errors."""
        return await self.call_thread(self._facts, list(topics))

    async def _facts(self, topics: list[str]) -> dict[str, TopicFacts]:
        client = self._ensure_consumer()._client  # noqa: SLF001  # the only way to it
        found = await ask(client, [topic_of(topic, self._build) for topic in topics])
        if found.keys() - client.cluster.topics():
            # aiokafka asks only every five minutes whether a topic is there that was not, and joins the group then.
            client.force_metadata_update()
        return {plain(topic, self._build): known for topic, known in found.items()}

    async def _committed(self, topics: list[str], partition: int) -> dict[str, int]:
        consumer = self._ensure_consumer()
        found = await asyncio.gather(*(consumer.committed(self._place(topic, partition)) for topic in topics))
        return {topic: offset for topic, offset in zip(topics, found, strict=True) if offset is not None}

    async def _bounds(self, tps: list[TopicPartition]) -> dict[str, Bounds]:
        consumer = self._ensure_consumer()
        first, stable = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        # The consumer itself answers with the stable end. The copy shares its connections and asks for the other;
        # with the consumer's own level changed for a moment, a fetch could bring what is not committed.
        asking = copy(consumer._fetcher)  # noqa: SLF001  # the only way to it
        asking._isolation_level = READ_UNCOMMITTED  # noqa: SLF001
        end = await asking.end_offsets(tps, consumer._request_timeout_ms)  # noqa: SLF001
        return {plain(tp.topic, self._build): Bounds(first[tp], max(end[tp], stable[tp]), stable[tp]) for tp in tps}

    def _place(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(topic_of(topic, self._build), partition)


class Consumer(driver.Consumer):
    """Faust's consumer over batches; `streams/worker/ownership.py` decides where each partition is read from."""

    _thread: BatchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NeverRead()

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109
        """One message for each batch. Batches that arrive while the flow is stopped are dropped and read again."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = self._get_active_partitions()
        if not active or self.app.ownership.waiting_records > self.app.batch_records * MOST_BATCHES:
            # Faust would sleep for a second here, and a partition resumed meanwhile would wait for it.
            await self.sleep(FULL_S)
            return
        found = await self._getmany(active_partitions=active, timeout=FETCH_S)
        for tp, delivery in (found or {}).items():
            for part in delivery.parts(self._most_records()):
                if self.should_stop or not self.flow_active:
                    return
                yield tp, self._to_message(tp, part)

    def _most_records(self) -> int:
        """The most records of one batch: a partition's share of IN_PROGRESS, within the settings' bound."""
        share = IN_PROGRESS // max(1, len(self.app.ownership.partitions))
        return min(self.app.batch_records, max(LEAST_RECORDS, share))

    def _to_message(self, tp: TP, delivery: FetchedBatch) -> ConsumerMessage:
        last: Any = delivery.batch.records[-1]
        return ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type,
            (), None, delivery, None, 0, 0, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def _new_offset(self, tp: TP) -> int | None:
        # Batches of a partition are acknowledged in order, so the highest acknowledged offset covers all before it.
        # Faust would look for gaps offset by offset; a batch acknowledges only its last one.
        acked = self._acked[tp]
        if not acked:
            return None
        highest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return highest + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the offsets between batches need no acknowledgement."""

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: the partitions' queues bound what is read (`hold`, and `getmany` above)."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as above."""

    async def perform_seek(self) -> None:
        """Pass the assigned partitions to `Ownership`; each is read once it has been taken in the store."""
        assigned = self.assignment()
        self.pause_partitions(assigned)
        self.app.ownership.assign({TP(plain(tp.topic, self.app.build), tp.partition) for tp in assigned})

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: `streams/worker/watchdog.py` measures progress, and so liveness."""

    async def start_at(self, partition: int, epoch: int, offsets: Mapping[str, int]) -> None:
        """Read a partition of some topics from these offsets on."""
        await self._thread.start_at(partition, epoch, offsets)
        self.resume_partitions({self._place(topic, partition) for topic in offsets} & self.assignment())

    async def bounds(self, topics: Iterable[str], partition: int) -> dict[str, Bounds]:
        """What Kafka holds of the partition in each topic. Raises aiokafka's errors."""
        return await self._thread.bounds(topics, partition)

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """The consumer group's offsets; topics without one are left out. Raises aiokafka's errors."""
        return await self._thread.committed(topics, partition)

    async def uncommit(self, topics: Iterable[str], partition: int) -> None:
        """Set the consumer group's offsets back to 0. Raises aiokafka's errors."""
        tps = [TP(topic, partition) for topic in topics]
        for tp in tps:
            # What Faust has not committed yet, and what it remembers so as not to commit less.
            self._acked[tp].clear()
            self._acked_index[tp].clear()
        await self._thread.uncommit(topics, partition)
        for tp in tps:
            self._committed_offset[tp] = None

    async def facts(self, topics: Iterable[str]) -> dict[str, TopicFacts]:
        """Ids and numbers of partitions of the topics that exist. Raises aiokafka's errors."""
        return await self._thread.facts(topics)

    def is_at_end(self, topic: str, partition: int, applied: int) -> bool:
        """Whether no readable record lies behind offset `applied`."""
        return self._thread.is_at_end(topic, partition, applied)

    def hold(self, topic: str, partition: int) -> None:
        """Pause the reading of a topic-partition."""
        self.pause_partitions({self._place(topic, partition)})

    def release(self, topic: str, partition: int) -> None:
        """Resume the reading of a topic-partition."""
        tp = self._place(topic, partition)
        if tp in self._paused_partitions:
            self.resume_partitions({tp})

    def _place(self, topic: str, partition: int) -> TP:
        return TP(topic_of(topic, self.app.build), partition)


class Transport(driver.Transport):
    """Faust's Kafka transport with `Consumer` above."""

    Consumer: ClassVar[type] = Consumer
