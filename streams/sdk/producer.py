"""The producer: it sends touchpoints of a shop, a script or a help desk to Kafka, each confirmed by the broker.

It refuses what is not a touchpoint, by the same rules as the workers, so that the sender gets the error and can
correct it. It knows nothing of journeys.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self, Unpack, overload

import msgspec

from schemas.properties import ShopProperties, SupportProperties, WebProperties
from schemas.topics import touchpoint_topic
from schemas.touchpoint import Touchpoint
from streams.clients.clients import kafka_arguments, probe_kafka
from streams.clients.failures import door, translate
from streams.errors import ExitCode, TrackerError, UsageError
from streams.sdk.packing import Details, NotATouchpoint, build, event_id, pack
from streams.settings.settings import Settings, read
from tracker.identity.kinds import KINDS
from tracker.identity.pseudonym import hidden

# kafka-python queues without a bound of its own. This is what it sends in one second at full speed.
BUFFER_MESSAGES: Final = 10_000
BUFFER_BYTES: Final = 32 * 1024 * 1024
# A linger of 20 ms makes batches out of single touchpoints.
OPTIONS: Final[dict[str, Any]] = {
    "linger_ms": 20,
    "batch_size": 128 * 1024,
    "acks": "all",
    "enable_idempotence": True,
    "delivery_timeout_ms": 30_000,
    "request_timeout_ms": 10_000,
    "max_block_ms": 5_000,
    # A topic that Kafka creates by itself has the wrong number of partitions.
    "allow_auto_create_topics": False,
}
FLUSH_S: Final = 35.0
"""Longer than `delivery_timeout_ms`, so that each touchpoint is confirmed or has failed by then."""
CLOSE_S: Final = 5.0

__all__ = ["BufferFull", "Details", "NotATouchpoint", "Producer", "Receipt", "Undelivered", "connect", "event_id"]

_log: Final = logging.getLogger(__name__)


class BufferFull(TrackerError):  # noqa: N818  # the state of the world, not of our code
    """Too many touchpoints wait for the broker; this one was not accepted."""

    exit_code = ExitCode.UNREACHABLE


class Undelivered(TrackerError):  # noqa: N818
    """The broker has not confirmed. It may still have the touchpoint: send it again with the same event_id."""

    exit_code = ExitCode.UNREACHABLE


class Receipt:
    """A touchpoint that was sent and may not be confirmed yet."""

    __slots__ = ("_future", "_undelivered", "event_id")

    def __init__(self, event_id: str, future: Any, undelivered: Callable[[Exception], TrackerError]) -> None:
        self.event_id = event_id
        self._future = future
        self._undelivered = undelivered

    def wait(self, timeout_s: float = FLUSH_S) -> None:
        """Return when the broker has confirmed it. Raises Undelivered."""
        try:
            self._future.get(timeout=timeout_s)
        except Exception as error:
            raise self._undelivered(error) from error


class Producer:
    """Sends touchpoints in batches and counts those that the broker has confirmed.

    Threads may share one; processes may not. `connect` makes it.
    """

    def __init__(
        self,
        kafka: Any,
        *,
        settings: Settings | None = None,
        wait_s: float = 30.0,
        buffer_messages: int = BUFFER_MESSAGES,
        buffer_bytes: int = BUFFER_BYTES,
        hash_key: str | None = None,
        on_failure: Callable[[str, TrackerError], None] = lambda _event_id, _error: None,
    ) -> None:
        """`kafka` is a kafka-python producer.

        E-mail addresses and phone numbers become hashes keyed with `hash_key`, as in the collector; plain hashes
        without it.

        While the buffer is full, `touch` waits up to `wait_s` before it raises BufferFull. `on_failure` is called with
        the id of each touchpoint that was not confirmed, and its error. kafka-python's own thread calls it, so it must
        be quick.
        """
        self.confirmed = 0
        self.failed = 0
        self._kafka = kafka
        self._settings = settings
        self._wait_s = wait_s
        self._hash_key = hash_key
        self._kinds = settings.kinds if settings else KINDS
        self._bounds = (buffer_messages, buffer_bytes)
        self._on_failure = on_failure
        self._process = os.getpid()
        self._room = threading.Condition()
        self._messages = self._bytes = 0
        self._failures: list[TrackerError] = []
        self._unreported = 0
        self._closed = False

    @overload
    def touch(self, channel: Literal["web"], type: str, *, properties: WebProperties | None = None, **details: Unpack[Details]) -> Receipt: ...  # noqa: E501  # fmt: skip
    @overload
    def touch(self, channel: Literal["shop"], type: str, *, properties: ShopProperties | None = None, **details: Unpack[Details]) -> Receipt: ...  # noqa: E501  # fmt: skip
    @overload
    def touch(self, channel: Literal["support"], type: str, *, properties: SupportProperties | None = None, **details: Unpack[Details]) -> Receipt: ...  # noqa: E501  # fmt: skip
    def touch(self, channel: Any, type: str, *, properties: Any = None, **details: Unpack[Details]) -> Receipt:  # noqa: A002  # fmt: skip
        """Send one touchpoint without waiting for the broker. Raises NotATouchpoint, BufferFull, Undelivered."""
        return self.send(build(channel, type, properties=properties, **details))

    def send(self, touchpoint: Touchpoint) -> Receipt:
        """Send a touchpoint of any channel that was built elsewhere; otherwise as `touch`."""
        hidden_ids = hidden(touchpoint.ids, self._hash_key)
        key, value = pack(msgspec.structs.replace(touchpoint, ids=hidden_ids), self._kinds)
        self._check_process()
        if self._closed:
            raise UsageError("This producer is closed.", "Make a new one with `connect`.")
        size = len(key) + len(value)
        self._take_room(size)
        try:
            future = self._kafka.send(touchpoint_topic(touchpoint.channel), value=value, key=key)
        except Exception as error:
            self._give_room(size)
            raise self._undelivered(error) from error
        future.add_both(partial(self._settled, size, touchpoint.event_id))
        return Receipt(touchpoint.event_id, future, self._undelivered)

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Return when the broker has confirmed everything. Raises Undelivered for failures since the last call."""
        self._check_process()
        error: Exception | None = None
        try:
            self._kafka.flush(timeout=timeout_s)
        except Exception as raised:  # noqa: BLE001  # kafka-python raises a dozen kinds; all mean: not confirmed
            error = raised
        with self._room:
            # After a flush without an error, messages that are still open were sent by other threads since it began.
            missing = self._unreported + (self._messages if error else 0)
            timeout = TimeoutError("it takes too long")
            first = self._failures[0] if self._failures else self._undelivered(error or timeout)
            self._unreported = 0
            self._failures.clear()
        if missing:
            raise Undelivered(f"{missing} touchpoints were not confirmed: {first.message}", first.remedy)

    def close(self, timeout_s: float = FLUSH_S) -> None:
        """Flush, then close the connections. Raises Undelivered."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        try:
            self.flush(timeout_s)
        finally:
            self._kafka.close(timeout=CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._at_exit()

    def flush_at_exit(self) -> Self:
        """Make the process, when it ends, wait for touchpoints that are not confirmed yet."""
        atexit.register(self._at_exit)
        return self

    def _at_exit(self) -> None:
        """Close; an error is logged, since no caller is left to catch it."""
        try:
            self.close()
        except TrackerError as error:
            _log.error("%s", error)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise UsageError(
                "This producer was made before the process forked; its connection belongs to the parent.",
                "Call `connect` in each process, for example at its first touchpoint.",
            )

    def _take_room(self, size: int) -> None:
        most_messages, most_bytes = self._bounds

        def fits() -> bool:
            return self._messages < most_messages and (not self._messages or self._bytes + size <= most_bytes)

        with self._room:
            if not self._room.wait_for(fits, self._wait_s):
                where = f"Kafka at {self._settings.kafka_bootstrap}" if self._settings else "Kafka"
                raise BufferFull(
                    f"{self._messages} touchpoints ({self._bytes} bytes) wait for {where}, which does not keep up.",
                    "Check that it runs; then send again with the same event_id.",
                )
            self._messages += 1
            self._bytes += size

    def _give_room(self, size: int) -> None:
        with self._room:
            self._messages -= 1
            self._bytes -= size
            self._room.notify()

    def _settled(self, size: int, name: str, outcome: Any) -> None:
        """Called by kafka-python's own thread, with the record's place or the exception."""
        failure = self._undelivered(outcome) if isinstance(outcome, Exception) else None
        with self._room:
            if failure is None:
                self.confirmed += 1
            else:
                self.failed += 1
                self._unreported += 1
                # The first failure is kept for the message of `flush`; the others are only counted.
                self._failures = [*self._failures, failure][:1]
        self._give_room(size)
        if failure is not None:
            self._on_failure(name, failure)

    def _undelivered(self, error: Exception) -> TrackerError:
        known = translate(error, self._settings)
        message = known.message if known else f"Kafka has not confirmed: {str(error) or type(error).__name__}."
        return Undelivered(message, known.remedy if known else "Send it again with the same event_id.")


def connect(settings: Settings | None = None, **options: Any) -> Producer:
    """A producer for the Kafka of the settings (those of the environment where none are given).

    `options` are those of `Producer`. The topics are checked first. When the process ends, it waits for touchpoints
    that are not confirmed yet. Raises TrackerError.
    """
    from kafka import KafkaProducer

    settings = settings or read(os.environ)
    # Exceptions report failed touchpoints; kafka-python's log would repeat them.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    probe_kafka(settings)
    with door(settings):
        kafka = KafkaProducer(**kafka_arguments(settings), **OPTIONS)
        try:
            require_topics(kafka, settings)
        except BaseException:
            kafka.close(timeout=CLOSE_S)
            raise
    return Producer(kafka, settings=settings, **{"hash_key": settings.hash_key, **options}).flush_at_exit()


def require_topics(kafka: Any, settings: Settings, channels: Iterable[str] | None = None) -> None:
    """Return when Kafka has the topic of each channel (those of the settings where none are given).

    Raises TrackerError, NOT_FOUND.
    """
    for channel in settings.channels if channels is None else channels:
        topic = touchpoint_topic(channel)
        try:
            exists = bool(kafka.partitions_for(topic))
        except Exception as error:
            if type(error).__name__ not in {"KafkaTimeoutError", "UnknownTopicOrPartitionError"}:
                raise
            exists = False
        if not exists:
            raise TrackerError(
                f"Kafka at {settings.kafka_bootstrap} has no topic {topic}.",
                "Run `tracker topics create`.",
                ExitCode.NOT_FOUND,
            )
