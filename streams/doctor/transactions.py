"""Open transactions: records that Kafka hands to nobody before the producer ends its transaction."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from streams.clients.group import reading_consumer
from streams.doctor.finding import Inquiry, Result, span
from streams.stores.attendance import spans

# Kafka itself ends a transaction after transaction.timeout.ms, a minute unless the producer sets it.
HANGS_AFTER_S: Final = 60.0
POLL_MS: Final = 500


def open_transactions(inquiry: Inquiry) -> Iterator[Result]:
    """By topic: what waits behind an open transaction, and since when; nothing is said where nothing does."""
    from kafka import TopicPartition

    settings = inquiry.settings
    topics = [topic.name for topic in settings.topics() if topic.direction == "input"]
    places = [TopicPartition(topic, partition) for topic in topics for partition in range(settings.partitions)]
    with reading_consumer(settings) as stable, reading_consumer(settings, committed=False) as newest:
        # The newest offsets first: what is written in between must not look held back.
        ends = newest.end_offsets(places)
        begins = stable.end_offsets(places)
        held = {place: end - begins[place] for place, end in ends.items() if end > begins[place]}
        since_ms = {place: _written_ms(newest, place, begins[place]) for place in held}
    for topic in topics:
        if found := {place: held[place] for place in held if place.topic == topic}:
            yield _told(topic, found, [since_ms[place] for place in found])


def _written_ms(consumer: Any, place: Any, offset: int) -> int | None:
    """When the first record of the transaction was written; None where it cannot be read at once."""
    consumer.assign([place])
    consumer.seek(place, offset)
    records = consumer.poll(timeout_ms=POLL_MS, max_records=1).get(place, ())
    return records[0].timestamp if records else None


def _told(topic: str, held: Mapping[Any, int], since_ms: Iterable[int | None]) -> Result:
    partitions = spans(place.partition for place in held)
    message = f"{topic}: {sum(held.values()):,} records in partitions {partitions} wait behind an open transaction"
    written = [at_ms for at_ms in since_ms if at_ms is not None]
    waits_s = time.time() - min(written) / 1000 if written else 0.0
    if waits_s < HANGS_AFTER_S:
        return "remark", f"{message}.", ""
    remedy = (
        f"See its producer. `kafka-transactions.sh` of Kafka finds it (`find-hanging --topic {topic}`) and ends it."
    )
    return "warning", f"{message}, for {span(waits_s)}.", remedy
