"""The SDK and the import on a real Kafka: what was confirmed is there, once, where workers look for it."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.clients.topic_shapes import create
from streams.errors import ExitCode, TrackerError
from streams.sdk.producer import BufferFull, Undelivered, connect
from streams.settings.settings import read
from tests.servers import wait_until
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def kafka(private_servers) -> Iterator:
    """A Kafka with our topics, that a test may freeze."""
    server = private_servers.kafka()
    create(read({"KAFKA_BOOTSTRAP": server.bootstrap}))
    return server


def settings_of(kafka):
    return read({"KAFKA_BOOTSTRAP": kafka.bootstrap})


def stored(kafka, channel: str = "shop") -> list:
    """Every record of a channel's topic."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    try:
        places = [TopicPartition(f"touchpoints.{channel}", number) for number in range(8)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends, found = consumer.end_offsets(places), []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return found
    finally:
        consumer.close()


def test_each_is_at_home_once(kafka) -> None:
    """A thousand touchpoints: all confirmed, each in its customer's partition, in the customer's order."""
    with connect(settings_of(kafka)) as producer:
        for number in range(1000):
            producer.touch("shop", "Order Completed", customer_id=f"c-{number % 50}", event_id=f"e-{number:04}")
        producer.flush()
        assert (producer.confirmed, producer.failed) == (1000, 0)
    found = stored(kafka)
    assert sorted(json.loads(record.value)["event_id"] for record in found) == [f"e-{n:04}" for n in range(1000)]
    assert all(record.partition == home(record.key.decode(), 8) for record in found)
    mine = [json.loads(record.value)["event_id"] for record in found if record.key == b"c-7"]
    assert mine == sorted(mine)


SCRIPT = """
from streams.sdk.producer import connect
producer = connect()
for number in range(500):
    producer.touch("shop", "Order Completed", customer_id=f"c-{number}")
"""


def test_the_end_of_a_script_delivers(kafka) -> None:
    """Who forgets to flush loses nothing: the process ends when Kafka has it."""
    environ = {**os.environ, "KAFKA_BOOTSTRAP": kafka.bootstrap}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(stored(kafka)) == 500


def test_a_frozen_kafka_fills_the_buffer_and_no_more(kafka) -> None:
    """What does not fit is refused at once; when Kafka wakes, what was taken arrives, once."""
    with connect(settings_of(kafka), wait_s=0, buffer_messages=100) as producer:
        kafka.pause()
        try:
            begun = time.monotonic()
            for number in range(100):
                producer.touch("shop", "Order Completed", customer_id="c-1", event_id=f"e-{number}")
            with pytest.raises(BufferFull, match="100 touchpoints"):
                producer.touch("shop", "Order Completed", customer_id="c-1")
            with pytest.raises(Undelivered, match="100 touchpoints were not confirmed"):
                producer.flush(1)
            assert time.monotonic() - begun < 5
        finally:
            kafka.resume()
        producer.flush()
    assert len(stored(kafka)) == 100


# kafka-python drops the socket of a connection that was refused without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kafka_that_is_killed_loses_nothing_confirmed(kafka) -> None:
    """Killed while touchpoints are on their way and started again: all that flush confirms is there, once."""
    with connect(settings_of(kafka)) as producer:
        for number in range(2000):
            producer.touch("shop", "Order Completed", customer_id=f"c-{number}", event_id=f"e-{number}")
            if number == 1000:
                kafka.kill9()
        kafka.start()
        producer.flush()
        assert (producer.confirmed, producer.failed) == (2000, 0)
    values = [record.value for record in stored(kafka)]
    assert len(values) == len(set(values)) == 2000
    # The dropped sockets are reported now, where it is known why.
    gc.collect()


def test_a_missing_topic_is_reported_at_once(private_servers) -> None:
    """Before anything is sent, with what makes it."""
    with pytest.raises(TrackerError, match="tracker topics create") as raised:
        connect(settings_of(private_servers.kafka()))
    assert raised.value.exit_code == ExitCode.NOT_FOUND


TABLE = """\
import: orders
ids: {customer_id: customer}
touchpoints: [{channel: shop, type: Order Completed, occurred_at: at, event_id: order}]
"""


def test_an_import_is_interrupted_killed_and_ends(kafka, tmp_path) -> None:
    """Ctrl-C, then kill -9, then to the end: every row is in Kafka, and no two differ by more than a repeat."""
    rows, table = tmp_path / "orders.csv", tmp_path / "orders.yaml"
    count = 60_000
    lines = (f"{n},c-{n % 999},2026-11-20T10:00:00Z\n" for n in range(count))
    rows.write_text("order,customer,at\n" + "".join(lines))
    table.write_text(TABLE)
    position = rows.with_name("orders.csv.position")
    command = [sys.executable, "-m", "streams", "import", str(rows), "--map", str(table), "--json"]
    environ = {**os.environ, "KAFKA_BOOTSTRAP": kafka.bootstrap}

    def done_rows() -> int:
        return json.loads(position.read_bytes())["rows"] if position.exists() else 0

    begun = 0
    for how, code in ((signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGKILL, -signal.SIGKILL)):
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as running:
            wait_until(lambda begun=begun: done_rows() > begun, 30, 0.01)
            running.send_signal(how)
            assert running.wait(30) == code
        begun = done_rows()
        assert 0 < begun < count
    last = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)
    assert last.returncode == ExitCode.OK, last.stderr
    assert json.loads(last.stdout)["begins_at"] == begun
    values = {record.value for record in stored(kafka)}
    assert len(values) == len({json.loads(value)["event_id"] for value in values}) == count
