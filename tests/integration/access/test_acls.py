"""The ACLs of docs/security.md, on a Kafka with an authorizer and a Redis with users: enough for each role, no more."""

import itertools
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import KafkaError, TopicAuthorizationFailedError
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from streams.clients import topic_shapes
from streams.servers import RedisServer, ports
from streams.settings import settings
from tests.servers import GuardedKafka, start_private_servers, wait_until
from tests.streams.collector.asking import HASH_KEY
from tests.streams.collector.serving import Served
from tests.touchpoints import touchpoint

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
ROLES = ("collector", "producer", "worker", "viewer", "operator")
JOURNEY = (
    "stages: [{name: seen, touchpoints: [{channel: web}]}, {name: bought, touchpoints: [{channel: shop}], goal: true}]"
)


def lines(beginning: str) -> list[list[str]]:
    """The commands on the page that begin so, as words."""
    return [shlex.split(line) for line in PAGE.splitlines() if line.startswith(beginning)]


def acl_of(words: list[str]) -> list[ACL]:
    """The entries that a call of `kafka-acls.sh` makes."""
    said: dict[str, list[str]] = {}
    for option, value in itertools.pairwise(words):
        if option.startswith("--"):
            said.setdefault(option, []).append(value)
    kind = ResourceType.TOPIC if "--topic" in said else ResourceType.GROUP
    pattern = ACLResourcePatternType.PREFIXED if "--resource-pattern-type" in said else ACLResourcePatternType.LITERAL
    (name,) = said.get("--topic") or said["--group"]
    (principal,) = said["--allow-principal"]
    words_of = {"Read": "READ", "Write": "WRITE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS"}
    return [
        ACL(
            principal,
            "*",
            ACLOperation[words_of[operation]],
            ACLPermissionType.ALLOW,
            ResourcePattern(kind, name, pattern),
        )
        for operation in said["--operation"]
    ]


@dataclass
class Installation:
    """Servers that know the roles, and what each role's environment is."""

    kafka: GuardedKafka
    redis: RedisServer
    folder: Path

    def environ(self, role: str) -> dict[str, str]:
        """The settings of a process of that role."""
        return {
            **os.environ, "KAFKA_BOOTSTRAP": self.kafka.password, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": role, "KAFKA_SASL_PASSWORD": f"{role}-secret",
            "REDIS_URL": f"redis://{role}:PASSWORD@{self.redis.address}/0", "TRACKER_PARTITIONS": "2",
            "TRACKER_JOURNEYS": str(self.folder / "journeys"), "TRACKER_HTTP_PORT": str(self.http_port),
            "TRACKER_ID_SALT": "a salt of the tests, long enough", "TRACKER_HASH_KEY": HASH_KEY,
            "TRACKER_SESSION_TIMEOUT_S": "6",
        }  # fmt: skip

    def __post_init__(self) -> None:
        self.http_port = ports.free_port()

    def tracker(self, role: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of that role, when it has ended."""
        command = [sys.executable, "-m", "streams", *words]
        return subprocess.run(command, env=self.environ(role), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Iterator[Installation]:
    """A Kafka and a Redis by the page's commands, with topics, a collector and a worker of their roles."""
    folder = tmp_path_factory.mktemp("acls")
    (folder / "journeys").mkdir()
    (folder / "journeys" / "shop.yaml").write_text(JOURNEY)
    with start_private_servers() as starter:
        guard = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        kafka = starter.guarded_kafka({role: f"{role}-secret" for role in ROLES}, guard)
        redis = starter.redis()
        plain = settings.read({"KAFKA_BOOTSTRAP": kafka.server.bootstrap, "TRACKER_PARTITIONS": "2"})
        topic_shapes.create(plain)
        admin = KafkaAdminClient(bootstrap_servers=kafka.server.bootstrap)
        admin.create_acls([acl for words in lines("kafka-acls.sh") for acl in acl_of(words)])
        admin.close()
        with Redis.from_url(redis.url) as client:
            for words in lines("ACL SETUSER"):
                client.execute_command(*words)
        yield Installation(kafka, redis, folder)


@pytest.fixture(scope="module")
def worker(installation) -> Iterator[subprocess.Popen[bytes]]:
    """A worker under its role."""
    with (installation.folder / "worker.log").open("w") as log:
        command = [sys.executable, "-m", "streams", "worker", "--processes", "1"]
        process = subprocess.Popen(command, env=installation.environ("worker"), stdout=log, stderr=log)
    yield process
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def collector(installation) -> Iterator[Served]:
    """A collector under its role."""
    served = Served(
        installation.folder,
        installation.kafka.password,
        **{
            name: value
            for name, value in installation.environ("collector").items()
            if name.startswith(("KAFKA", "TRACKER_PART"))
        },
    )
    yield served
    served.stop()


def test_each_role_can_do_its_work(installation, collector, worker) -> None:
    """What the collector takes and a producer writes is applied by a worker, and read by viewers and operators."""
    now_ms = int(time.time() * 1000)
    for number, ids in enumerate([{"customer_id": "ann"}, {"anonymous_id": "a"}]):
        event = {"event_id": f"e{number}", "type": "Page Viewed", "channel": "web", "occurred_at": now_ms, "ids": ids}
        assert collector.status("/v1/touchpoints", event) == 200
    producer = KafkaProducer(**kafka_as(installation, "producer"))
    bought = touchpoint("ann", event_id="e2", channel="shop", kind="Order Completed", at_ms=now_ms + 1000)
    producer.send("touchpoints.shop", bought, key=b"ann").get(20)
    producer.close()
    shown = wait_until(lambda: bought_by(installation), 90, 1)
    assert shown["journeys"][0]["instances"][0]["current"] == "bought"
    for words in (["explain", "ann"], ["rejected", "list"], ["journeys", "list"]):
        done = installation.tracker("viewer", *words)
        assert done.returncode == 0, done.stderr
    served = metrics_of_exporter(installation)
    assert "tracker_stage_reached" in served, served
    doctor = installation.tracker("viewer", "doctor")
    assert "Denied" not in doctor.stdout + doctor.stderr and "NOPERM" not in doctor.stdout + doctor.stderr
    for words in (
        ["identity", "link", "anonymous_id:a", "ann"],
        ["rejected", "retry", "--all"],
        ["erase", "ann", "--yes"],
    ):
        done = installation.tracker("operator", *words)
        assert done.returncode == 0, done.stderr
    wait_until(lambda: installation.tracker("viewer", "show", "ann").returncode == 10, 60, 1)
    assert "NOPERM" not in (installation.folder / "worker.log").read_text()
    assert worker.poll() is None


def metrics_of_exporter(installation: Installation) -> str:
    """What an exporter under the viewer's account serves."""
    port = ports.free_port()
    environ = installation.environ("viewer") | {"EXPORTER_PORT": str(port)}
    with (installation.folder / "exporter.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "streams", "exporter"], env=environ, stdout=log, stderr=log)
    try:
        return wait_until(lambda: page(f"http://127.0.0.1:{port}/metrics"), 60, 0.5)
    finally:
        process.terminate()
        process.wait(20)


def page(url: str) -> str:
    """The figures, once there are any."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            said = answer.read().decode()
    except OSError:
        return ""
    return said if "tracker_stage_reached" in said else ""


def bought_by(installation: Installation) -> dict:
    done = installation.tracker("viewer", "show", "ann", "--json")
    found = json.loads(done.stdout) if done.returncode == 0 else {}
    return found if found and found["journeys"][0]["instances"][0]["current"] == "bought" else {}


@pytest.mark.parametrize(
    ("role", "topic"),
    [
        ("collector", "journey.routed"),
        ("producer", "touchpoints.web"),
        ("producer", "touchpoints.rejected"),
        ("producer", "journey.routed"),
        ("worker", "touchpoints.web"),
        ("viewer", "touchpoints.web"),
        ("viewer", "journey.routed"),
        ("operator", "journey.transitions"),
    ],
)
def test_no_role_writes_what_is_anothers(installation, role, topic) -> None:
    """Who holds a role's password cannot write to other topics than the page says."""
    producer = KafkaProducer(**kafka_as(installation, role), max_block_ms=5_000)
    # Who may write nothing at all is refused before a topic is named.
    with pytest.raises(KafkaError, match="AuthorizationFailed"):
        producer.send(topic, b"{}").get(20)
    producer.close()


@pytest.mark.parametrize("role", ["collector", "producer"])
def test_who_sends_does_not_read(installation, role) -> None:
    """Who may only write reads no touchpoints of others."""
    consumer = KafkaConsumer(**kafka_as(installation, role), group_id=None)
    consumer.assign([TopicPartition("touchpoints.shop", 0)])
    consumer.seek(TopicPartition("touchpoints.shop", 0), 0)
    with pytest.raises(TopicAuthorizationFailedError):
        wait_until(lambda: consumer.poll(timeout_ms=500), 10)
    consumer.close()


def kafka_as(installation: Installation, role: str) -> dict[str, str]:
    """The arguments of a client of that role."""
    return {
        "bootstrap_servers": installation.kafka.password, "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN", "sasl_plain_username": role, "sasl_plain_password": f"{role}-secret",
    }  # fmt: skip


FORBIDDEN = {
    "worker": ["FLUSHALL", "CONFIG GET *", "ACL LIST", "KEYS *", "GET other", "SHUTDOWN", "DEBUG SLEEP 0", "MONITOR"],
    "operator": ["FLUSHDB", "CONFIG GET *", "ACL LIST", "KEYS *", "SET other x", "SHUTDOWN"],
    "viewer": ["FLUSHALL", "SET tracker:x 1", "HSET tracker:{0}:states a b", "DEL tracker:{0}:states", "GET other",
               "EVAL return 0", "ACL LIST"],
}  # fmt: skip


@pytest.mark.parametrize(("role", "call"), [(role, call) for role, calls in FORBIDDEN.items() for call in calls])
def test_no_account_of_redis_does_more(installation, role, call) -> None:
    """Whoever holds an account of Redis cannot do what the page does not give it."""
    with (
        Redis.from_url(installation.environ(role)["REDIS_URL"]) as client,
        pytest.raises((NoPermissionError, ResponseError), match=r"(?i)permission"),
    ):
        client.execute_command(*call.split())


def test_nobody_comes_in_without_an_account(installation) -> None:
    """Redis asks for an account, and Kafka's door for a password."""
    with Redis.from_url(installation.redis.url) as client, pytest.raises(AuthenticationError):
        client.ping()
