import json
import os
import re
import threading
from pathlib import Path

import pytest
from kafka.errors import NotLeaderForPartitionError
from mypy import api

from streams.collector.personal import Pseudonyms
from streams.errors import ExitCode, UsageError
from streams.sdk.producer import BufferFull, NotATouchpoint, Producer, Undelivered
from tests.streams.broker import Broker
from tracker.identity.kinds import strongest


def test_a_touchpoint_goes_to_its_channel_by_its_customer() -> None:
    """Topic and key are those that workers expect; after the flush it is confirmed."""
    broker = Broker()
    producer = Producer(broker)
    receipt = producer.touch("shop", "Order Completed", customer_id="c-17", properties={"order_id": "1001"})
    ((topic, value, key),) = broker.sent
    assert (topic, key) == ("touchpoints.shop", b"c-17")
    assert receipt.event_id.encode() in value
    producer.flush()
    receipt.wait(0)
    assert (producer.confirmed, producer.failed) == (1, 0)


def test_an_address_is_the_alias_that_the_collector_makes() -> None:
    """With the same key both doors know the same person by the same name; no address travels."""
    broker, key = Broker(), "a key of the tests"
    with Producer(broker, hash_key=key) as producer:
        producer.touch("support", "Ticket Opened", email=" Ann@Example.com", phone="+46 70 123 45 67")
    ((_, value, name),) = broker.sent
    ids = Pseudonyms(key).ids({"email": "ann@example.com", "phone": "0046701234567"}, "keyed")
    assert json.loads(value)["ids"] == ids
    assert name.decode() == strongest(ids)


def test_the_documented_call_works(monkeypatch) -> None:
    """What docs/producers.md shows first can be copied."""
    broker = Broker()
    monkeypatch.setattr("streams.sdk.producer.connect", lambda: Producer(broker))
    page = (Path(__file__).parents[3] / "docs" / "producers.md").read_text(encoding="utf-8")
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], {})
    assert [topic for topic, _, _ in broker.sent] == ["touchpoints.shop"]


CALLS = """
from streams.sdk.producer import Producer
def calls(producer: Producer) -> None:
    producer.touch("shop", "Order Completed", customer_id="c", properties={"amount": 1.5}, extra={"own": 1})
    producer.touch("shop", "Order Completed", customer_id="c", properties={"amount": "1.5"})
    producer.touch("web", "Page Viewed", customer_id="c", properties={"order_id": "1"})
    producer.touch("web", "Page Viewed", customer="c")
"""


def test_types_are_checked_before_anything_runs(tmp_path) -> None:
    """A type checker takes the first call, and refuses a wrong type, another channel's property, a wrong name."""
    path = tmp_path / "calls.py"
    path.write_text(CALLS)
    said, _, _ = api.run([str(path), "--config-file", "pyproject.toml", "--no-error-summary", "--hide-error-context"])
    assert {int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line} == {5, 6, 7}, said


def test_a_refusal_is_reported_once() -> None:
    """Receipt, callback and flush name what the broker did not take; the next flush begins anew."""
    failed = []
    broker = Broker(NotLeaderForPartitionError("moved"))
    producer = Producer(broker, on_failure=lambda name, error: failed.append((name, error.exit_code)))
    receipt = producer.touch("web", "Page Viewed", customer_id="c-1", event_id="e-1")
    with pytest.raises(Undelivered, match=r"1 touchpoints were not confirmed: .*moved"):
        producer.flush()
    with pytest.raises(Undelivered):
        receipt.wait(0)
    assert failed == [("e-1", ExitCode.UNREACHABLE)]
    broker.refuses = None
    producer.touch("web", "Page Viewed", customer_id="c-1", event_id="e-1")
    producer.flush()
    assert (producer.confirmed, producer.failed) == (1, 1)


def test_a_silent_broker_fills_the_buffer() -> None:
    """The buffer is bounded: what does not fit is refused with a clear sentence, and nothing that waits is lost."""
    producer = Producer(Broker(silent=True), wait_s=0, buffer_messages=2)
    for _ in range(2):
        producer.touch("web", "Page Viewed", customer_id="c-1")
    with pytest.raises(BufferFull, match=r"2 touchpoints .* wait for Kafka, which does not keep up"):
        producer.touch("web", "Page Viewed", customer_id="c-1")
    with pytest.raises(Undelivered, match="2 touchpoints were not confirmed"):
        producer.flush(0)


def test_the_buffer_is_bounded_in_bytes_too() -> None:
    """Few great touchpoints fill it like many small ones; one that is greater than all of it goes alone."""
    producer = Producer(Broker(silent=True), wait_s=0, buffer_bytes=1000)
    producer.touch("web", "Page Viewed", customer_id="c-1", extra={"note": "x" * 2000})
    with pytest.raises(BufferFull):
        producer.touch("web", "Page Viewed", customer_id="c-1")


def test_a_full_buffer_waits_for_room() -> None:
    """A script that is faster than Kafka is slowed down, not refused."""
    broker = Broker()
    producer = Producer(broker, buffer_messages=1)
    producer.touch("web", "Page Viewed", customer_id="c-1")
    threading.Timer(0.05, lambda: broker.flush(1)).start()
    producer.touch("web", "Page Viewed", customer_id="c-1")
    assert producer.confirmed == 1


def test_nothing_is_sent_of_what_is_refused() -> None:
    """A mistake of the caller's takes no room and reaches no broker."""
    broker = Broker()
    producer = Producer(broker, buffer_messages=1)
    for _ in range(3):
        with pytest.raises(NotATouchpoint):
            producer.touch("web", "Page Viewed")
    assert broker.sent == []
    producer.flush()


def test_an_error_of_the_client_leaves_no_trace() -> None:
    """Where kafka-python raises at once, such as for lack of metadata, the caller knows and the room is free again."""
    broker = Broker()
    broker.send = lambda *args, **kwargs: (_ for _ in ()).throw(TimeoutError("no metadata"))
    producer = Producer(broker, wait_s=0, buffer_messages=1)
    for _ in range(2):
        with pytest.raises(Undelivered, match="no metadata"):
            producer.touch("web", "Page Viewed", customer_id="c-1")


def test_leaving_the_block_delivers() -> None:
    """`with` flushes and closes; afterwards the producer takes nothing."""
    broker = Broker()
    with Producer(broker) as producer:
        producer.touch("web", "Page Viewed", customer_id="c-1")
    assert broker.closed and producer.confirmed == 1
    with pytest.raises(UsageError, match="closed"):
        producer.touch("web", "Page Viewed", customer_id="c-1")


def test_the_end_of_the_process_reports_what_was_lost(caplog) -> None:
    """At exit nobody catches an exception: one line in the log says what was not confirmed."""
    producer = Producer(Broker(RuntimeError("disk full")))
    producer.touch("web", "Page Viewed", customer_id="c-1")
    producer._at_exit()
    assert [record.getMessage() for record in caplog.records if "not confirmed" in record.getMessage()]


def test_a_fork_needs_its_own(monkeypatch) -> None:
    """A producer from before the fork says so instead of waiting for threads that are not there."""
    producer = Producer(Broker())
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(UsageError, match="before the process forked"):
        producer.touch("web", "Page Viewed", customer_id="c-1")
    producer.close()
