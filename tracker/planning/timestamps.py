"""Kafka timestamps of clocks that are wrong by years, replaced by those of the records around them.

A producer may set the timestamp of a record to anything. One of 2100 would move the partition's time to now while older
records wait, so that everybody would drop off; and it would let an event of 2100 pass for one of today. One of 1970
would hold the partition's time back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracker.planning.decode import EARLIEST_MS, FUTURE_MS
from tracker.planning.plan import KafkaRecord, PartitionBatch

YEARS_AHEAD_MS: Final = 366 * 86_400_000
"""No clock is ahead by so much and means it. Less is left alone, for what is late in coming and was stamped by hand."""


@dataclass(slots=True)
class RestampedRecord:
    """A record with another timestamp."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]


def is_plausible(batch: PartitionBatch, wall_ms: int) -> bool:
    """Whether every timestamp of a batch can be right."""
    return batch.newest_ms <= wall_ms + FUTURE_MS and batch.oldest_ms >= EARLIEST_MS


def restamped(batch: PartitionBatch, before_ms: int, wall_ms: int) -> tuple[PartitionBatch, int]:
    """The batch as it may be applied, and how many timestamps were replaced.

    A timestamp before 1980, or more than `YEARS_AHEAD_MS` ahead, becomes that of the record before it. `before_ms` is
    that of the record before the batch, 0 where it is not known; then the first one that can be right counts. Where
    there is none, one that is ahead becomes the wall clock, and one before 1980 stays, since it means nothing.
    Timestamps of neighbours, and not the moment of reading, so that a rebuild finds nearly the same.
    One that is less far ahead stays with its record. It does not move the partition's time.
    """
    latest_ms = wall_ms + YEARS_AHEAD_MS
    last_ms = before_ms or next(
        (record.timestamp for record in batch.records if EARLIEST_MS <= record.timestamp <= wall_ms + FUTURE_MS), 0
    )
    records: list[KafkaRecord] = []
    count = 0
    for record in batch.records:
        at_ms = record.timestamp
        if EARLIEST_MS <= at_ms <= wall_ms + FUTURE_MS:
            last_ms = at_ms
        elif at_ms > latest_ms or (at_ms < EARLIEST_MS and last_ms):
            count += 1
            record = RestampedRecord(record.offset, record.key, record.value, last_ms or wall_ms, record.headers)  # noqa: PLW2901  # the same record
        records.append(record)
    return PartitionBatch(batch.topic, batch.partition, records, wall_ms + FUTURE_MS), count
