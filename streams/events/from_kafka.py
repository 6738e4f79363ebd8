"""Touchpoints from Kafka, read topic by topic up to the present end; records that cannot be read are counted.

It joins no consumer group and commits no offsets, so the workers are not affected.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from time import monotonic
from typing import Any, Final

from schemas.unreadable import MAX_NESTING, is_too_deep
from streams.clients.any_headers import allow_in_kafka_python
from streams.clients.clients import kafka_arguments, probe_kafka
from streams.clients.failures import door
from streams.errors import ExitCode, TrackerError, Unreachable
from streams.events.files import ReadTally
from streams.settings.settings import Settings
from tracker.identity.kinds import KINDS, Kinds
from tracker.planning import cloud_events
from tracker.planning.decode import Flaw, decode
from tracker.touch import Touch

POLL_MS: Final = 500
SILENT_AFTER_S: Final = 10.0
CONSUMER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "request_timeout_ms": 10_000,
}


@contextmanager
def opened(settings: Settings) -> Iterator[Any]:
    """A kafka-python consumer of no group, errors translated."""
    from kafka import KafkaConsumer

    allow_in_kafka_python()
    probe_kafka(settings)
    with door(settings), closing(KafkaConsumer(**kafka_arguments(settings), **CONSUMER)) as consumer:
        yield consumer


def touches_of(
    consumer: Any,
    topic: str,
    tally: ReadTally,
    newest: int | None = None,
    progress: Callable[[int, int], None] = lambda _lines, _bytes: None,
    kinds: Kinds = KINDS,
) -> Iterator[Touch]:
    """The touchpoints of a topic: about `newest` of the newest ones, or all of them. Raises TrackerError."""
    for page in pages(consumer, topic, newest):
        for record in page:
            tally.lines += 1
            tally.bytes += len(record.value or b"")
            touch = _touch(record, topic, kinds)
            if isinstance(touch, Flaw):
                tally.reject(f"{topic}/{record.partition}", record.offset, touch)
            else:
                yield touch
        progress(tally.lines, tally.bytes)


def _touch(record: Any, topic: str, kinds: Kinds) -> Touch | Flaw:
    if is_too_deep(record.value or b""):
        return Flaw("not_json", f"nested deeper than {MAX_NESTING} levels")
    touch = decode(record.value, record.timestamp, kinds)
    if not isinstance(touch, Flaw):
        return touch
    event = cloud_events.read(topic, record.value, record.headers, record.timestamp)
    return touch if event is None else event.touch(record.timestamp, kinds)


def pages(consumer: Any, topic: str, newest: int | None = None) -> Iterator[list[Any]]:
    """The records of a topic as they are fetched, up to the present end. Raises TrackerError."""
    from kafka import TopicPartition

    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TrackerError(f"Kafka lacks {topic}.", "Run `tracker topics create`.", ExitCode.NOT_FOUND)
    places = [TopicPartition(topic, number) for number in sorted(numbers)]
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    consumer.assign(places)
    for place in places:
        wanted = ends[place] if newest is None else newest // len(places) + 1
        consumer.seek(place, max(begins[place], ends[place] - wanted))
    heard_s, reached = monotonic(), 0
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            heard_s = monotonic()
            yield records
        # Aborted transactions are passed over without a record, and may be long.
        before, reached = reached, sum(consumer.position(place) for place in places)
        if reached > before:
            heard_s = monotonic()
        if monotonic() - heard_s > SILENT_AFTER_S:
            raise Unreachable(f"Kafka sends no more records of {topic}.", "Check the broker, then try again.")
