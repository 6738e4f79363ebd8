"""Worker processes on real servers: what kafka-python produces is applied, and a worker ends as it should."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from redis import Redis

from schemas.rejection import Rejection
from schemas.topics import REJECTED, ROUTED, topics
from streams.clients.topic_shapes import create
from streams.errors import ExitCode
from streams.servers import Servers, ports
from streams.settings import settings
from streams.stores.keys import keys
from tests.servers import wait_until
from tests.touchpoints import touchpoint
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PARTITIONS = 4
WEB, SHOP = "touchpoints.web", "touchpoints.shop"
NOW_MS = int(time.time() * 1000)

BROKEN_DECODER = """
from tracker.planning import planner

def broken(value, *rest, decode=planner.decode):
    return 1 / 0 if b"unforeseen-" in value else decode(value, *rest)

planner.decode = broken
"""


class Workers:
    """`tracker worker` with some processes, their log in a file and their pages on known ports."""

    def __init__(
        self, servers: Servers, folder: Path, processes: int, group: str, port: int = 0, code: str = ""
    ) -> None:
        """`code` is run by each process before all else."""
        self.port = port or ports.free_port(processes)
        self.log = folder / f"workers-{self.port}.log"
        environ = os.environ | {
            "KAFKA_BOOTSTRAP": servers.kafka_bootstrap, "REDIS_URL": servers.redis_url,
            "TRACKER_PARTITIONS": str(PARTITIONS), "TRACKER_GROUP": group, "TRACKER_SESSION_TIMEOUT_S": "6",
            "TRACKER_HTTP_PORT": str(self.port), "TRACKER_LOG_FORMAT": "json", "TRACKER_STALL_AFTER_S": "10",
        }  # fmt: skip
        if code:
            (folder / "sitecustomize.py").write_text(code)
            environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        words = [sys.executable, "-m", "streams", "worker", "--processes", str(processes)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(words, env=environ, stdout=log, stderr=subprocess.STDOUT)

    def page(self, path: str, index: int = 0) -> tuple[int, str]:
        """A page of a process; 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port + index}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, index: int = 0) -> float:
        """The sum of a series over its labels."""
        lines = self.page("/metrics", index)[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((name + " ", name + "{")))

    def rejected(self, reason: str, index: int) -> float:
        """How many touchpoints a process has rejected for a reason."""
        return self.metric(f'tracker_touchpoints_rejected_total{{reason="{reason}"}}', index)

    def owned(self) -> set[int]:
        """The partitions that have been taken by any of the processes."""
        lines = [line for line in self.log.read_text().splitlines() if '"partition taken"' in line]
        return {msgspec.json.decode(line)["partition"] for line in lines}

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture(scope="module")
def redis(servers: Servers) -> Iterator[Redis]:
    with Redis.from_url(servers.redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture(scope="module")
def workers(servers: Servers, redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Two processes for all tests of this file, on topics under the tracker's own names."""
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    mine = [topic.name for topic in topics()]
    there = set(admin.list_topics())
    if there & set(mine):
        admin.delete_topics([name for name in mine if name in there])
        wait_until(lambda: not set(admin.list_topics()) & set(mine))
    environ = {"KAFKA_BOOTSTRAP": servers.kafka_bootstrap, "TRACKER_PARTITIONS": str(PARTITIONS)}
    create(settings.read(environ))
    started = Workers(servers, tmp_path_factory.mktemp("workers"), 2, f"group-{NOW_MS}")
    try:
        wait_until(lambda: started.owned() == set(range(PARTITIONS)) or started.process.poll() is not None, 60)
        assert started.process.poll() is None, started.log.read_text()
        yield started
    finally:
        if started.process.poll() is None:
            started.end()
        admin.delete_topics(mine)
        admin.close()


def produce(servers: Servers, *values: tuple[str, int, bytes | None]) -> None:
    """Records (topic, partition, value), all of them with the broker on return."""
    producer = KafkaProducer(bootstrap_servers=servers.kafka_bootstrap, linger_ms=20)
    for topic, partition, value in values:
        producer.send(topic, value, b"key", partition=partition)
    producer.flush(20)
    producer.close()


async def produce_compressed(servers: Servers, codec: str, names: list[str]) -> None:
    """A first visit each; aiokafka finds every codec in `cramjam`, kafka-python would want a package for each."""
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka_bootstrap, compression_type=codec) as producer:
        for name in names:
            await producer.send(WEB, touchpoint(name, at_ms=NOW_MS), partition=home(name, PARTITIONS))
        await producer.flush()


def applied(redis: Redis, names: list[str]) -> bool:
    """Whether all of these customers have a state at home."""
    return all(redis.hexists(keys(home(name, PARTITIONS)).states, name) for name in names)


def test_what_kafka_python_produces_is_applied(servers: Servers, redis: Redis, workers: Workers) -> None:
    """Each touchpoint has its state in its customer's partition."""
    names = [f"plain-{number}" for number in range(200)]
    produce(servers, *((WEB, home(name, PARTITIONS), touchpoint(name, at_ms=NOW_MS)) for name in names))
    wait_until(lambda: applied(redis, names))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_applied(servers: Servers, redis: Redis, workers: Workers, codec: str) -> None:
    """Whatever producers compress with, each touchpoint has its state."""
    names = [f"{codec}-{number}" for number in range(200)]
    asyncio.run(produce_compressed(servers, codec, names))
    wait_until(lambda: applied(redis, names))


def test_a_bad_record_is_set_aside_with_its_bytes(servers: Servers, redis: Redis, workers: Workers) -> None:
    """Among good ones: these are applied, it goes to `touchpoints.rejected` with the reason and its place."""
    good = ["before-bad", "after-bad"]
    place = home(good[0], PARTITIONS)
    records = [(WEB, home(name, PARTITIONS), touchpoint(name, at_ms=NOW_MS)) for name in good]
    produce(servers, records[0], (WEB, place, b"\xff not json"), records[1])
    wait_until(lambda: applied(redis, good))
    consumer = KafkaConsumer(
        REJECTED, bootstrap_servers=servers.kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    rejection = msgspec.json.decode(next(consumer).value, type=Rejection)
    consumer.close()
    assert (rejection.value, rejection.reason) == (b"\xff not json", "not_json")
    assert (rejection.place.topic, rejection.place.partition) == (WEB, place)


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_a_cloudevent_is_applied(servers: Servers, redis: Redis, workers: Workers, mode: str) -> None:
    """A CloudEvent in either mode of Kafka's binding is applied at its customer's home, wherever it was sent."""
    name = f"cloud-{mode}"
    said = {"specversion": "1.0", "id": mode, "source": "/shop", "type": "Page Viewed", "customerid": name}
    headers = [(f"ce_{attribute}", value.encode()) for attribute, value in said.items()]
    value = msgspec.json.encode({"path": "/"})
    if mode == "structured":
        headers, value = [("content-type", b"application/cloudevents+json")], msgspec.json.encode(said)
    producer = KafkaProducer(bootstrap_servers=servers.kafka_bootstrap)
    for partition in range(PARTITIONS):
        producer.send(WEB, value, None, headers, partition)
    producer.flush(20)
    producer.close()
    wait_until(lambda: applied(redis, [name]))


def test_a_misrouted_touchpoint_finds_home(servers: Servers, redis: Redis, workers: Workers) -> None:
    """Sent to another customer's partition, it is applied at home, by way of `journey.routed`."""
    name = "misrouted"
    produce(servers, (SHOP, (home(name, PARTITIONS) + 1) % PARTITIONS, touchpoint(name, at_ms=NOW_MS, channel="shop")))
    wait_until(lambda: applied(redis, [name]))
    assert int(redis.hget(keys(home(name, PARTITIONS)).offsets, ROUTED)) >= 1


def test_two_processes_share_the_partitions(workers: Workers) -> None:
    """Each has some, together all of them, and neither is refused a write."""

    def shared() -> bool:
        owned = [workers.metric("tracker_partitions_owned", index) for index in (0, 1)]
        return sum(owned) == PARTITIONS and min(owned) >= 1

    wait_until(shared, 60)
    assert workers.metric("tracker_writes_refused_total", 0) == 0


def test_each_process_has_its_pages(workers: Workers) -> None:
    """Alive, ready, and its own work counted."""
    for index in (0, 1):
        assert workers.page("/health/live", index)[0] == 200
        assert wait_until(lambda at=index: workers.page("/health/ready", at)[0] == 200)
    assert sum(workers.metric("tracker_touchpoints_applied_total", index) for index in (0, 1)) > 0


def test_a_killed_process_is_started_again(servers: Servers, redis: Redis, workers: Workers) -> None:
    """What comes meanwhile is applied once it is back, or by the other one."""
    [victim, _] = wait_until(lambda: children(workers.process.pid))
    os.kill(victim, signal.SIGKILL)
    names = [f"after-kill-{number}" for number in range(50)]
    produce(servers, *((WEB, home(name, PARTITIONS), touchpoint(name, at_ms=NOW_MS)) for name in names))
    wait_until(lambda: applied(redis, names), 60)
    wait_until(lambda: len(found := children(workers.process.pid)) == 2 and victim not in found)


def test_sigterm_ends_all_in_order(workers: Workers) -> None:
    """Exit code 0 within ten seconds, and nothing of it is left."""
    pids = children(workers.process.pid)
    began = time.monotonic()
    assert workers.end() == 0
    assert time.monotonic() - began < 10
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_a_taken_metrics_port_ends_all(workers: Workers, servers: Servers, tmp_path: Path) -> None:
    """The second process can never listen, so the group ends with that fault's code and one line."""
    held = socket.create_server(("127.0.0.1", 0))
    with held:
        started = Workers(servers, tmp_path, 2, f"taken-{NOW_MS}", port=held.getsockname()[1] - 1)
        try:
            assert started.process.wait(90) == ExitCode.PORT_IN_USE
        finally:
            started.process.kill()
    lines = [line for line in started.log.read_text().splitlines() if "ending all of them" in line]
    assert [msgspec.json.decode(line)["fault"] for line in lines] == ["PORT_IN_USE"]


def test_an_unforeseen_record_is_set_aside(workers: Workers, servers: Servers, redis: Redis, tmp_path: Path) -> None:
    """Real workers whose decoder raises for some records apply all others and go on."""
    good, broken = [f"around-{number}" for number in range(400)], [f"unforeseen-{number}" for number in range(3)]
    started = Workers(servers, tmp_path, 2, f"unforeseen-{NOW_MS}", code=BROKEN_DECODER)
    try:
        names = [*good[:200], *broken, *good[200:]]
        produce(servers, *((WEB, home(name, PARTITIONS), touchpoint(name, at_ms=NOW_MS)) for name in names))
        wait_until(lambda: applied(redis, good), 60)
        wait_until(lambda: sum(started.rejected("unforeseen", index) for index in range(2)) == len(broken))
        assert not any(applied(redis, [name]) for name in broken)
        assert started.end() == 0
    finally:
        started.process.kill()


def test_an_unreadable_state_ends_all(workers: Workers, servers: Servers, redis: Redis, tmp_path: Path) -> None:
    """No worker can apply what comes for the customer, so the group ends with FAULT and sets no touchpoint aside."""
    name = "unreadable"
    place = home(name, PARTITIONS)
    redis.hset(keys(place).states, name, b"\xc1")
    started = Workers(servers, tmp_path, 2, f"unreadable-{NOW_MS}")
    try:
        produce(servers, (WEB, place, touchpoint(name, at_ms=NOW_MS)))
        assert started.process.wait(180) == ExitCode.FAULT
    finally:
        started.process.kill()
        redis.hdel(keys(place).states, name)
    assert "UnreadableStateError" in started.log.read_text()
    assert '"unforeseen"' not in started.log.read_text()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
