"""The tools on a real Kafka, a real Redis and real workers: one store's life from 2 to 5 partitions."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from redis import Redis

from schemas.rejection import Place, Rejection
from schemas.topics import REJECTED, TRANSITIONS
from schemas.transition import Transition
from streams.clients.topic_shapes import create
from streams.errors import ExitCode
from streams.exporter.figures import Figures, read
from streams.sdk.repeats import Repeats, transition_id
from streams.settings.settings import read as read_settings
from streams.stores.keys import keys
from tests.servers import wait_until
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]

TYPES = [("web", "Page Viewed"), ("web", "Product Viewed"), ("web", "Product Added"), ("shop", "Order Completed")]
AT_MS = 1_795_000_000_000


@dataclass
class Installation:
    """One installation's addresses and the number of partitions it believes in."""

    kafka: str
    redis: str
    partitions: int = 2

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP": self.kafka,
            "REDIS_URL": self.redis,
            "TRACKER_PARTITIONS": str(self.partitions),
            "TRACKER_CHANNELS": "web,shop",
            "TRACKER_SESSION_TIMEOUT_S": "6",
            "TRACKER_LOG_LEVEL": "warning",
            "EXPORTER_PORT": "0",
        }

    def tracker(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streams", *words]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def printed(self, *words: str) -> dict:
        """What a command prints as JSON."""
        answer = self.tracker(*words, "--json")
        assert answer.returncode in {ExitCode.OK, ExitCode.MISMATCH}, answer.stderr
        return json.loads(answer.stdout)

    def figures(self) -> Figures:
        with Redis.from_url(self.redis) as client:
            return read(client, self.partitions)

    def reached(self) -> dict[str, int]:
        found = self.figures().by("seven_stages", "reached", "stage")
        return {stage: count for (stage,), count in found.items()}

    def visits(self) -> dict[str, int]:
        found = self.figures().by("seven_stages", "visits", "stage")
        return {stage: count for (stage,), count in found.items()}

    @contextmanager
    def running(self, *words: str, **options) -> Iterator[subprocess.Popen]:
        """A command that runs until it is asked to end."""
        command = [sys.executable, "-m", "streams", *words]
        with subprocess.Popen(command, env=self.environ, **options) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()

    def send(self, customers: range, *, steps: int = 4, by: int | None = None) -> None:
        """Each customer goes so many steps; by the number of partitions that a producer believes in."""
        producer = KafkaProducer(bootstrap_servers=self.kafka)
        for number in customers:
            for step, (channel, type_) in enumerate(TYPES[:steps]):
                name = f"c{number}"
                partition = None if by is None else home(name, by)
                value = touchpoint(name, f"e{number}-{step}", channel, type_, AT_MS + step * 1000)
                producer.send(f"touchpoints.{channel}", key=name.encode(), value=value, partition=partition)
        producer.flush()
        producer.close()

    @contextmanager
    def load(self, first: int = 0, step: int = 20) -> Iterator[list[int]]:
        """Customers who go all the way, `step` after `step`; the number of the next one, also once it ends."""
        sent, over = [first], threading.Event()

        def send() -> None:
            while not over.is_set():
                self.send(range(sent[0], sent[0] + step))
                sent[0] += step
                time.sleep(0.05)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield sent
        finally:
            over.set()
            thread.join()

    def transitions(self) -> tuple[list[Transition], Repeats]:
        """What a consumer gets that drops repeats and what was published before, each once; and what it dropped."""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka)
        places = [TopicPartition(TRANSITIONS, partition) for partition in range(self.partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends, repeats, values = consumer.end_offsets(places), Repeats(), []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(1_000).values():
                values += [record.value for record in repeats.fresh(records)]
        consumer.close()
        twice = [one for one, count in Counter(map(transition_id, values)).items() if count > 1]
        assert not twice, twice[:3]
        return [msgspec.json.decode(value, type=Transition) for value in values], repeats


def touchpoint(customer: str, event_id: str, channel: str, type_: str, at_ms: int = AT_MS) -> bytes:
    ids = {"customer_id": customer}
    return json.dumps(
        {"event_id": event_id, "type": type_, "channel": channel, "occurred_at": at_ms, "ids": ids}
    ).encode()


@pytest.fixture
def installation(private_servers) -> Installation:
    found = Installation(private_servers.kafka().bootstrap, private_servers.redis().url)
    create(read_settings(found.environ))
    return found


def is_out_of_the_group(installation: Installation) -> bool:
    """The workers have left, everything is applied."""
    return installation.tracker("repartition", "--to", "5", "--dry-run").returncode == ExitCode.OK


def test_a_store_grows_and_is_looked_at(installation) -> None:
    """Workers fill it; audit, show and exporter agree; it grows to 5 partitions; nothing is lost or doubled."""
    installation.send(range(150))
    with installation.running("worker", "-p", "2"):
        wait_until(lambda: installation.reached().get("purchase_decision") == 150, 60)
        assert installation.tracker("repartition", "--to", "5").returncode == ExitCode.FAILED
        installation.send(range(150, 400))
        while_busy = installation.printed("audit")
        assert while_busy["ok"], while_busy
        wait_until(lambda: installation.reached().get("purchase_decision") == 400, 60)
        look(installation)
    wait_until(lambda: is_out_of_the_group(installation), 40)

    before = marks(installation)
    done = installation.printed("repartition", "--to", "5")
    assert all(new[0] > old[0] and new[1] == old[1] for old, new in zip(before, marks(installation), strict=True))
    assert (done["customers"], len(done["grown"])) == (400, 6)
    assert installation.tracker("worker").returncode == ExitCode.MISMATCH
    installation.partitions = 5
    assert installation.printed("audit") | {"partitions": []} == {"ok": True, "customers": 400, "partitions": []}

    # The same again, by producers of the old number and of the new; and new customers by the old number.
    installation.send(range(400), by=2)
    installation.send(range(400))
    installation.send(range(400, 500), by=2)
    with installation.running("worker"):
        wait_until(lambda: installation.reached().get("purchase_decision") == 500, 60)
        wait_until(lambda: applied_to_the_end(installation), 60)
        assert installation.visits() == dict.fromkeys(
            ["awareness", "evaluation", "consideration", "purchase_decision"], 500
        )
        retry(installation)
        consumed_once(installation)
    assert installation.printed("audit")["ok"]


def marks(installation: Installation) -> list[tuple[int, int]]:
    """Epoch and sequence of the old partitions: as long as they do not fall, consumers take nothing for a repeat."""
    with Redis.from_url(installation.redis) as client:
        return [(int(client.get(keys(p).epoch)), int(client.get(keys(p).sequence) or 0)) for p in range(2)]


def applied_to_the_end(installation: Installation) -> bool:
    """Every input topic is applied to its end."""
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka)
    try:
        topics = ["touchpoints.web", "touchpoints.shop", "journey.routed"]
        offsets = installation.figures().offsets
        ends = {
            (place.topic, place.partition): end
            for topic in topics
            for place, end in consumer.end_offsets(places(consumer, topic)).items()
        }
        return all(offsets.get(place, 0) == end for place, end in ends.items())
    finally:
        consumer.close()


def places(consumer, topic):
    from kafka import TopicPartition

    return [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]


def look(installation: Installation) -> None:
    """One customer, and the funnel as Prometheus gets it."""
    shown = installation.printed("show", "c7")
    (instance,) = shown["journeys"][0]["instances"]
    assert (instance["current"], instance["funnel_depth"]) == ("purchase_decision", 4)
    nobody = installation.tracker("show", "c7777")
    assert nobody.returncode == ExitCode.NOT_FOUND
    assert "Did you mean" in nobody.stderr
    with installation.running("exporter", stdout=subprocess.PIPE, text=True) as exporter:
        address = exporter.stdout.readline().strip()

        def scrape() -> str:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()

        wait_until(
            lambda: 'tracker_stage_reached{journey="seven_stages",stage="purchase_decision"} 400.0' in scrape(), 20
        )
        assert exporter.poll() is None
    assert exporter.returncode == ExitCode.OK


def retry(installation: Installation) -> None:
    """A touchpoint that an older version rejected goes back and counts once, also when it is sent twice."""
    producer = KafkaProducer(bootstrap_servers=installation.kafka)
    value = touchpoint("late", "e-late", "web", "Page Viewed")
    rejection = Rejection("unknown_schema", "old", Place("touchpoints.web", 0, 1), AT_MS, value, b"late", AT_MS)
    producer.send(REJECTED, value=msgspec.json.encode(rejection), partition=0)
    producer.send("touchpoints.web", key=b"x", value=b"nonsense")
    producer.flush()
    producer.close()
    wait_until(lambda: installation.printed("rejected", "list")["total"] == 2, 30)
    assert installation.printed("rejected", "retry", "--all", "--dry-run")["sent"] == 1
    for expected in (1, 0):
        assert installation.printed("rejected", "retry", "--all")["sent"] == expected
    with Redis.from_url(installation.redis) as client:
        client.delete("tracker:retried")
    assert installation.printed("rejected", "retry", "--all")["sent"] == 1
    wait_until(lambda: applied_to_the_end(installation), 30)
    assert installation.visits()["awareness"] == 501
    shown = installation.printed("show", "late")
    assert shown["journeys"][0]["instances"][0]["stages"][0]["visits"] == 1


def consumed_once(installation: Installation) -> None:
    """Read by both clients one after the other, with one helper: new the first time, repeats the second."""
    repeats = Repeats()
    options = {"bootstrap_servers": installation.kafka, "auto_offset_reset": "earliest"}
    consumer = KafkaConsumer(TRANSITIONS, consumer_timeout_ms=3000, **options)
    first = list(consumer)
    consumer.close()
    assert len(list(repeats.fresh(first))) == len(first) >= 4 * 500

    async def again() -> list:
        consumer = AIOKafkaConsumer(TRANSITIONS, **options)
        await consumer.start()
        found = []
        while len(found) < len(first):
            for records in (await consumer.getmany(timeout_ms=3000)).values():
                found += records
        await consumer.stop()
        return found

    assert not list(repeats.fresh(asyncio.run(again())))
    assert repeats.dropped == len(first)
    assert not repeats.rebuilds
