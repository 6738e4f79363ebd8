"""How far a consumer group is, as Kafka tells commands: its members, and whether offsets hold records that wait."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from streams.clients.clients import kafka_arguments
from streams.clients.failures import door
from streams.settings.settings import Settings

# A cluster that has never had a consumer creates the group coordinator at the first request.
COORDINATOR_WITHIN_S: Final = 8.0
PAUSE_S: Final = 0.3
READ_WITHIN_S: Final = 10.0
"""How long Kafka may take to pass over offsets that hold no committed record."""
POLL_MS: Final = 500
LEVELS: Final = {True: "read_committed", False: "read_uncommitted"}


def describe_group(admin: Any, group: str) -> dict[str, Any]:
    """What Kafka's coordinator knows of a consumer group, as kafka-python gives it."""
    from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError

    until_s = time.monotonic() + COORDINATOR_WITHIN_S
    while True:
        try:
            described: dict[str, Any] = admin.describe_groups([group])[group]
            return described
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            if time.monotonic() > until_s:
                raise
            time.sleep(PAUSE_S)


@contextmanager
def reading_consumer(settings: Settings, *, committed: bool = True) -> Iterator[Any]:
    """A kafka-python consumer of no group; errors translated. `committed`: it reads only what is committed."""
    from kafka import KafkaConsumer

    options = {"group_id": None, "enable_auto_commit": False, "isolation_level": LEVELS[committed]}
    with door(settings), closing(KafkaConsumer(**kafka_arguments(settings), **options)) as consumer:
        yield consumer


def holds_records(consumer: Any, place: Any, begin: int, end: int) -> bool:
    """Whether a record lies there that is committed or may still be: not only markers and aborted transactions."""
    stable = consumer.end_offsets([place])[place]
    if stable < end:
        return True
    consumer.assign([place])
    consumer.seek(place, begin)
    until_s = time.monotonic() + READ_WITHIN_S
    while consumer.position(place) < stable:
        if consumer.poll(timeout_ms=POLL_MS) or time.monotonic() > until_s:
            return True
    return False
