"""The view of Kafka: ends of topics, the group's offsets, and the published messages."""

import json
from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from streams.clients.clients import kafka_admin
from streams.settings.settings import Settings
from tracker.planning.marks import EPOCH, GENERATION, PARTITION, SEQUENCE


class KafkaView:
    """Reads the cluster at `bootstrap`; each call opens its own connection and closes it."""

    def __init__(self, bootstrap: str, settings: Settings) -> None:
        self._bootstrap = bootstrap
        self._settings = settings
        self._inputs = [topic.name for topic in settings.topics() if topic.direction == "input"]

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset after the newest record of each input topic-partition."""
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, isolation_level="read_committed")
        try:
            places = [TopicPartition(topic, p) for topic in self._inputs for p in range(self._settings.partitions)]
            return {(place.topic, place.partition): end for place, end in consumer.end_offsets(places).items()}
        finally:
            consumer.close()

    def committed(self, partition: int) -> dict[str, int]:
        """The group's offset of each input topic of a partition, where it has one."""
        with kafka_admin(self._settings) as admin:
            found = admin.list_group_offsets({self._settings.group: None})
        offsets = found.get(self._settings.group, found)
        return {
            place.topic: data.offset
            for place, data in offsets.items()
            if place.partition == partition and data.offset >= 0
        }

    def messages(self, *topics: str) -> Iterator[Any]:
        """Every record of some topics, from the first to the newest there is now."""
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            places = [TopicPartition(topic, p) for topic in topics for p in range(self._settings.partitions)]
            consumer.assign(places)
            ends = consumer.end_offsets(places)
            consumer.seek_to_beginning()
            while any(consumer.position(place) < end for place, end in ends.items()):
                for records in consumer.poll(timeout_ms=500).values():
                    yield from records
        finally:
            consumer.close()

    @staticmethod
    def number(record: Any) -> tuple[int, bytes, int, int] | None:
        """(partition, generation, epoch, sequence) of a message of the outbox."""
        headers = dict(record.headers)
        if not {PARTITION, EPOCH, SEQUENCE} <= headers.keys():
            return None
        generation = headers.get(GENERATION, b"")
        return int(headers[PARTITION]), generation, int(headers[EPOCH]), int(headers[SEQUENCE])

    @staticmethod
    def reason(value: bytes) -> str:
        """The reason of a rejection."""
        return str(json.loads(value)["reason"])
