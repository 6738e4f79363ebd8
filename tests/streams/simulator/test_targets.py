import threading

import pytest
from kafka.future import Future
from kafka.partitioner.default import DefaultPartitioner

from streams.simulator.event import Event
from streams.simulator.load import partition_of
from streams.simulator.targets import MOST_UNCONFIRMED, DeliveryFailed, FileTarget, KafkaTarget

EVENT = Event("shop", b"c-1", b'{"a": 1}')


class Broker:
    """A kafka-python producer whose broker confirms at flush, or refuses."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.refuses = refuses
        self.sent: list[tuple] = []
        self.futures: list[Future] = []

    def send(self, topic, value, key):
        self.sent.append((topic, value, key))
        self.futures.append(Future())
        return self.futures[-1]

    def flush(self, timeout):
        futures, self.futures = self.futures, []
        for future in futures:
            future.failure(self.refuses) if self.refuses else future.success(object())


def test_a_message_goes_to_its_channel_by_its_key() -> None:
    """Topic, key and bytes are the event's; after flushing it is confirmed."""
    broker = Broker()
    target = KafkaTarget(broker)
    target.send(EVENT)
    assert broker.sent == [("touchpoints.shop", b'{"a": 1}', b"c-1")]
    assert target.delivery.confirmed == 0
    target.finish().check()
    assert target.delivery.confirmed == 1


def test_a_refused_message_is_reported() -> None:
    """What the broker did not take is counted, with its first reason, and the check raises."""
    target = KafkaTarget(Broker(RuntimeError("disk full")))
    target.send(EVENT)
    target.send(EVENT)
    with pytest.raises(DeliveryFailed, match=r"2 of 2 messages were not confirmed: disk full\."):
        target.finish().check()


def test_an_error_on_sending_is_a_failure_too() -> None:
    """A client that raises at once, such as for lack of metadata, loses nothing silently."""
    broker = Broker()
    broker.send = lambda *args, **kwargs: (_ for _ in ()).throw(TimeoutError("no metadata"))
    target = KafkaTarget(broker)
    target.send(EVENT)
    with pytest.raises(DeliveryFailed, match="no metadata"):
        target.finish().check()


def test_too_many_unconfirmed_wait() -> None:
    """The queue is bounded: sending goes on only when the broker has confirmed."""
    broker = Broker()
    target = KafkaTarget(broker)
    for _ in range(MOST_UNCONFIRMED):
        target.send(EVENT)
    threading.Timer(0.05, lambda: broker.flush(1)).start()
    target.send(EVENT)
    assert target.delivery.confirmed > MOST_UNCONFIRMED // 2
    assert target.delivery.sent == MOST_UNCONFIRMED + 1


def test_a_file_holds_one_value_a_line(tmp_path) -> None:
    """The values are written as they are; one without bytes is an empty line."""
    path = tmp_path / "events.jsonl"
    with FileTarget(path) as target:
        target.send(EVENT)
        target.send(Event("web", b"k", None, poison="no_value"))
        target.finish().check()
    assert path.read_bytes() == b'{"a": 1}\n\n'


def test_both_clients_agree_on_the_partition() -> None:
    """The bulk loader and kafka-python's default partitioner put a key in the same place, which is Java's murmur2."""

    class Cluster:
        topics = staticmethod(lambda: {"t"})
        partitions_for_topic = staticmethod(lambda _: set(range(8)))
        available_partitions_for_topic = staticmethod(lambda _: set(range(8)))

    keys = [b"c-1", b"anonymous_id:a-17", "ä".encode(), b"", b"c-fa3f781b-9999"]
    theirs = [DefaultPartitioner().partition("t", key, key, b"", b"", Cluster) for key in keys]
    assert [partition_of(key, 8) for key in keys] == theirs
    # Published test values of the Java client: Utils.murmur2("21") and ("foobar").
    assert partition_of(b"21", 1 << 31) == -973932308 & 0x7FFFFFFF
    assert partition_of(b"foobar", 1 << 31) == -790332482 & 0x7FFFFFFF
