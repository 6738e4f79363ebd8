"""The servers that tests stand on: real, shared, breakable."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis, RedisCluster
from redis.exceptions import OutOfMemoryError

from streams.servers import Servers
from streams.servers.watcher import there
from tests.servers import Names, PrivateServers, create_topics, wait_until

pytestmark = pytest.mark.integration


def test_a_record_goes_through_kafka(servers: Servers, names: Names) -> None:
    """What is produced to a new topic can be consumed."""
    topic = names.topic("web")
    create_topics(servers.kafka_bootstrap, topic)
    producer = KafkaProducer(bootstrap_servers=servers.kafka_bootstrap)
    producer.send(topic, b"hello").get(10)
    producer.close()
    consumer = KafkaConsumer(topic, bootstrap_servers=servers.kafka_bootstrap, auto_offset_reset="earliest")
    assert next(consumer).value == b"hello"
    consumer.close()


def test_redis_is_empty(empty_redis: str) -> None:
    """A test gets a Redis without what others wrote."""
    with Redis.from_url(empty_redis) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_kafka_keeps_records_over_a_kill(private_servers: PrivateServers, names: Names) -> None:
    """A killed Kafka comes back on the same port with its topics."""
    kafka, topic = private_servers.kafka(), names.topic("web")
    create_topics(kafka.bootstrap, topic)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    producer.send(topic, b"kept").get(10)
    producer.close()
    address = kafka.bootstrap
    kafka.kill9()
    kafka.start()
    assert kafka.bootstrap == address
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
    assert next(consumer).value == b"kept"
    consumer.close()


@pytest.mark.parametrize(("aof", "kept"), [(True, b"1"), (False, None)])
def test_redis_keeps_what_its_file_holds(private_servers: PrivateServers, aof: bool, kept: bytes | None) -> None:
    """With the append-only file a killed Redis comes back with its data, without it empty."""
    redis = private_servers.redis(aof=aof, appendfsync="always")
    with Redis.from_url(redis.url) as client:
        client.set("a", 1)
    redis.kill9()
    redis.start()
    with Redis.from_url(redis.url) as client:
        assert client.get("a") == kept


def test_a_paused_redis_answers_nothing_and_then_again(private_servers: PrivateServers) -> None:
    """SIGSTOP is a server that hangs, SIGCONT one that goes on."""
    redis = private_servers.redis()
    redis.pause()
    began = time.monotonic()
    assert not redis.is_ready()
    assert time.monotonic() - began >= 0.4, "it hangs, it does not refuse"
    redis.resume()
    assert redis.is_ready()


def test_redis_refuses_writes_when_it_is_full(private_servers: PrivateServers) -> None:
    """`maxmemory` is an option like any other."""
    redis = private_servers.redis(maxmemory="2mb")
    with Redis.from_url(redis.url) as client, pytest.raises(OutOfMemoryError):
        client.set("much", b"x" * 4_000_000)


def test_three_redis_nodes_make_a_cluster(private_servers: PrivateServers) -> None:
    """Keys of different slots are served, whichever node has them."""
    cluster = private_servers.redis_cluster()
    client = RedisCluster.from_url(cluster.url)
    for number in range(30):
        client.set(f"{{{number}}}:key", number)
    assert client.get("{7}:key") == b"7"
    client.close()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_servers_up_leaves_nothing_behind(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """Ctrl-C, kill and kill -9 of `tracker servers up`: Kafka, Redis and the directory are gone."""
    words = "import sys; from streams.cli.main import main; sys.exit(main(['servers', 'up', '--json']))"
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    command = subprocess.Popen(
        [sys.executable, "-c", words], env=environ, stdout=subprocess.PIPE, start_new_session=True
    )
    with command:
        addresses = json.loads(command.stdout.readline())
        live = processes_in(tmp_path)
        assert len(live) == 2, "Kafka and Redis work in the directory"
        assert addresses["redis_url"].startswith("redis://127.0.0.1:")
        os.killpg(command.pid, number)  # as a terminal does it
        assert command.wait(30) == status
    wait_until(lambda: not any(map(there, live)), 20)
    wait_until(lambda: not list(tmp_path.iterdir()), 20)


def processes_in(directory: Path) -> list[int]:
    """The processes whose working directory lies in this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(str(directory)):
                found.append(process.pid)
    return found
