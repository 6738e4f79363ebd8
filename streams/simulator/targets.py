"""The targets of simulated events: Kafka through kafka-python, or a file; each counts confirmations.

It does not look into the events.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from schemas.topics import touchpoint_topic
from streams.errors import TrackerError
from streams.simulator.event import Event

# kafka-python queues without a bound. It sends this many messages in 3 seconds at full speed.
MOST_UNCONFIRMED: Final = 25_000
DELIVERY_TIMEOUT_S: Final = 30.0
# Failures have been reported before closing, so a broker that does not answer need not be waited for.
CLOSE_S: Final = 5.0
# Added to the options from the settings. A linger of 20 ms makes batches out of single messages. A request may hold
# the poison `too_large`, which exceeds the tracker's limit and not the broker's.
PRODUCER_OPTIONS: Final[dict[str, Any]] = {
    "linger_ms": 20,
    "batch_size": 128 * 1024,
    "max_request_size": 1_000_000,
    "delivery_timeout_ms": 30_000,
    "request_timeout_ms": 10_000,
    "max_block_ms": 10_000,
    "acks": "all",
    # A topic that Kafka creates by itself has the wrong number of partitions.
    "allow_auto_create_topics": False,
}


class DeliveryFailed(TrackerError):  # noqa: N818  # the state of the world, not of our code
    """The target has not confirmed every message."""


@dataclass(slots=True)
class Confirmations:
    """Counts of sent, confirmed and failed messages."""

    sent: int = 0
    confirmed: int = 0
    failed: int = 0
    first_error: str = ""

    def check(self) -> None:
        """Raise DeliveryFailed unless every message was confirmed."""
        missing = self.sent - self.confirmed
        if missing:
            why = f": {self.first_error}" if self.first_error else ""
            raise DeliveryFailed(
                f"{missing} of {self.sent} messages were not confirmed{why}.",
                "Check the broker, then simulate again: messages that arrive twice count once.",
            )


class Target(Protocol):
    """Takes events one by one."""

    delivery: Confirmations

    def send(self, event: Event) -> None:
        """Send an event; it may be unconfirmed when this returns."""

    def finish(self) -> Confirmations:
        """Wait until every event is confirmed or has failed."""


def quiet_clients() -> None:
    """Silence kafka-python's log: `Confirmations` counts which messages arrived."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def _said(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@dataclass
class KafkaTarget:
    """Sends to `touchpoints.<channel>`, partitioned by Kafka's murmur2 of the strongest alias."""

    producer: Any
    """A kafka-python producer, as `kafka_target` makes it."""
    delivery: Confirmations = field(default_factory=Confirmations)

    def __post_init__(self) -> None:
        self._topics: dict[str, str] = {}
        self._lock = threading.Lock()
        self._fewer = threading.Condition(self._lock)

    def send(self, event: Event) -> None:
        """Queue an event; waits while too many are unconfirmed."""
        delivery = self.delivery
        if delivery.sent - delivery.confirmed - delivery.failed >= MOST_UNCONFIRMED:
            self._wait_for_fewer()
        topic = self._topics.get(event.channel) or self._topics.setdefault(
            event.channel, touchpoint_topic(event.channel)
        )
        delivery.sent += 1
        try:
            future = self.producer.send(topic, value=event.value, key=event.key)
        except Exception as error:  # noqa: BLE001  # kafka-python raises a dozen kinds; all mean: not delivered
            self._failed(error)
            return
        future.add_both(self._settled)

    def finish(self) -> Confirmations:
        """Flush, and report."""
        try:
            self.producer.flush(timeout=DELIVERY_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001  # see send
            self.delivery.first_error = self.delivery.first_error or _said(error)
        return self.delivery

    def _settled(self, outcome: Any) -> None:
        """Called by kafka-python's own thread, with the record's place or the exception."""
        if isinstance(outcome, Exception):
            self._failed(outcome)
            return
        with self._lock:
            self.delivery.confirmed += 1
            self._fewer.notify()

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self.delivery.failed += 1
            self.delivery.first_error = self.delivery.first_error or _said(error)
            self._fewer.notify()

    def _wait_for_fewer(self) -> None:
        delivery = self.delivery
        with self._fewer:
            self._fewer.wait_for(
                lambda: delivery.sent - delivery.confirmed - delivery.failed < MOST_UNCONFIRMED // 2,
                DELIVERY_TIMEOUT_S,
            )


@contextmanager
def kafka_target(arguments: Mapping[str, Any]) -> Iterator[KafkaTarget]:
    """A target with its own kafka-python producer; `arguments` are Kafka's address and the credentials."""
    from kafka import KafkaProducer

    producer = KafkaProducer(**arguments, **PRODUCER_OPTIONS)
    try:
        yield KafkaTarget(producer)
    finally:
        producer.close(timeout=CLOSE_S)


class FileTarget:
    """Writes the values as lines; poison too, with its line ends replaced by spaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.delivery = Confirmations()

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("wb")
        except OSError as error:
            raise TrackerError(f"{self.path} cannot be written: {error.strerror}.", "Name another file.") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def send(self, event: Event) -> None:
        """Write one line."""
        self._file.write((event.value or b"").replace(b"\n", b" ") + b"\n")
        self.delivery.sent += 1

    def finish(self) -> Confirmations:
        """Bring it to the disk."""
        self._file.flush()
        self.delivery.confirmed = self.delivery.sent
        return self.delivery
