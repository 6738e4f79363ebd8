"""The stack of docker-compose.yml on real servers: each process comes in by its password, and its rights suffice."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from kafka import KafkaProducer
from kafka.errors import KafkaError
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from streams.access.roles import ROLES
from streams.clients import clients
from streams.errors import Denied, ExitCode
from streams.settings import settings
from tests.composed import Composed
from tests.servers import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LASTING = ("worker-1", "collector", "exporter", "canary")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The stack with topics, rights and all long-running services."""
    with Composed(tmp_path_factory.mktemp("composed")) as made:
        wait_until(lambda: made.tracker("grant", "access", "grant", "--dry-run").returncode == 0, 60)
        made.once("grant")
        made.once("topics")
        for service in LASTING:
            made.start(service)
        yield made


def kafka_of(stack: Composed, role: str, password: str = "") -> dict:
    """Arguments of Kafka's clients for a role, at the listener for programs outside."""
    environ = {
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{stack.kafka.outside}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": role,
        "KAFKA_SASL_PASSWORD": password or stack.secret(f"{role}/kafka-password"),
    }
    return clients.kafka_arguments(settings.read(environ))


def redis_of(stack: Composed, role: str) -> Redis:
    """Redis as one of its users sees it."""
    return Redis(port=stack.redis.port, username=role, password=stack.secret(f"{role}/redis-password"), protocol=2)


def send(stack: Composed, role: str, topic: str) -> None:
    """Produce a record as a role."""
    with closing(KafkaProducer(**kafka_of(stack, role), max_block_ms=10_000)) as producer:
        producer.send(topic, b"{}").get(10)


def read_one(stack: Composed, role: str, topic: str, group: str | None = None) -> bytes:
    """The first record of a topic as a role reads it."""

    async def first() -> bytes:
        options = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
        consumer = AIOKafkaConsumer(topic, **options, **kafka_of(stack, role))
        try:
            await consumer.start()
            return (await asyncio.wait_for(consumer.getone(), 30)).value
        finally:
            await consumer.stop()

    return asyncio.run(first())


def test_an_event_goes_the_whole_way(stack: Composed) -> None:
    """What the collector accepts is applied by the worker and shown by the exporter, each as its own user."""
    wait_until(lambda: stack.page("collector", "COLLECTOR_PORT", "/health/ready"), 60)
    key = stack.tracker("collector", "keys", "new", "shop").stdout.strip()
    now_ms = int(time.time() * 1000)
    event = {"event_id": "e-1", "type": "Product Viewed", "occurred_at": now_ms, "ids": {"customer_id": "c-1"}}
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.port('collector', 'COLLECTOR_PORT')}/v1/touchpoints",
        json.dumps(event | {"channel": "web"}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200

    def shown() -> bool:
        """The exporter counts the customer."""
        lines = stack.page("exporter", "EXPORTER_PORT", "/metrics").splitlines()
        known = [float(line.split()[-1]) for line in lines if line.startswith("tracker_customers{")]
        return sum(known) == 1

    wait_until(shown, 60)


def test_the_canary_comes_back(stack: Composed) -> None:
    """The canary's user may send its touchpoints and look for what became of them."""

    def back() -> bool:
        """The canary has seen one of its touchpoints applied."""
        lines = stack.page("canary", "CANARY_PORT", "/metrics").splitlines()
        return any(float(ln.split()[-1]) > 0 for ln in lines if ln.startswith("tracker_canary_delay_seconds_count"))

    wait_until(back, 60)


def test_the_doctor_is_content(stack: Composed) -> None:
    """The operator's doctor finds nothing to mend but that passwords travel unencrypted on the one machine."""

    def told() -> list[str]:
        """The messages of all findings that are not in order."""
        found = json.loads(stack.once("operator", "--json"))["findings"]
        return [each["message"] for each in found if each["state"] != "ok"]

    wait_until(lambda: told() == ["The password travels to Kafka unencrypted."], 60, 1)


@pytest.mark.parametrize(
    ("role", "topic"),
    [("producer", "touchpoints.web"), ("collector", "touchpoints.rejected"), ("canary", "touchpoints.shop")],
)
def test_what_a_role_may_write(stack: Composed, role: str, topic: str) -> None:
    """A record of a role that has the right is taken."""
    send(stack, role, topic)


@pytest.mark.parametrize(
    ("role", "topic"),
    [
        ("producer", "journey.transitions"),
        ("producer", "touchpoints.rejected"),
        ("collector", "journey.routed"),
        ("canary", "journey.transitions"),
        ("consumer", "touchpoints.web"),
        ("worker", "touchpoints.web"),
        ("viewer", "touchpoints.web"),
        ("viewer", "journey.routed"),
    ],
)
def test_what_a_role_may_not_write(stack: Composed, role: str, topic: str) -> None:
    """A record of a role that has no right to the topic is refused."""
    with pytest.raises(KafkaError):
        send(stack, role, topic)


def test_who_may_read(stack: Composed) -> None:
    """Consumers read what is published, in groups of their own; who only sends reads nothing."""
    send(stack, "collector", "touchpoints.rejected")
    assert read_one(stack, "consumer", "touchpoints.rejected")
    assert read_one(stack, "consumer", "touchpoints.rejected", "consumer-of-mine")
    for role, topic in (
        ("producer", "touchpoints.web"),
        ("collector", "touchpoints.web"),
        ("consumer", "journey.routed"),
    ):
        with pytest.raises(TopicAuthorizationFailedError):
            read_one(stack, role, topic)
    with pytest.raises(GroupAuthorizationFailedError):
        read_one(stack, "consumer", "touchpoints.rejected", "journey-tracker")


def test_nobody_comes_in_without_a_password(stack: Composed) -> None:
    """Kafka and Redis refuse a wrong password, and Redis also who has none."""
    wrong = settings.read(stack.environ("operator") | {"KAFKA_SASL_PASSWORD": "x", "KAFKA_SASL_PASSWORD_FILE": ""})
    with pytest.raises(Denied), clients.kafka_admin(wrong) as admin:
        admin.list_topics()
    for name, password in ((None, None), ("worker", "x"), ("default", "")):
        client = Redis(port=stack.redis.port, username=name, password=password, protocol=2)
        with client, pytest.raises(AuthenticationError):
            client.ping()


@pytest.mark.parametrize("role", ["viewer", "exporter", "canary"])
def test_who_only_reads_redis(stack: Composed, role: str) -> None:
    """Viewers, the exporter and the canary change nothing in Redis, and read no keys but the tracker's."""
    with redis_of(stack, role) as client:
        assert client.hgetall("tracker:definitions")
        for command in (
            ("SET", "tracker:x", "1"),
            ("DEL", "tracker:definitions"),
            ("EVAL", "return 1", "0"),
            ("GET", "x"),
            ("CLIENT", "KILL", "TYPE", "normal"),
        ):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)


@pytest.mark.parametrize("role", ["worker", "operator"])
def test_who_writes_redis(stack: Composed, role: str) -> None:
    """The worker and the operator write the tracker's keys alone, and do not rule the server."""
    with redis_of(stack, role) as client:
        for command in (
            ("SET", "x", "1"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("ACL", "LIST"),
            ("KEYS", "*"),
            ("CLIENT", "KILL", "TYPE", "normal"),
            ("CLIENT", "PAUSE", "1"),
        ):
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)


@pytest.mark.parametrize(
    "words",
    [
        ("show", "c-1"),
        ("explain", "c-1"),
        ("export", "c-1"),
        ("identity", "show", "c-1"),
        ("audit",),
        ("rejected", "list"),
        ("rejected", "retry", "--all"),
        ("identity", "link", "anonymous_id:a-1", "c-1"),
        ("journeys", "list"),
        ("topics", "check"),
        ("shadow", "--status"),
        ("erase", "c-1", "--yes", "--wait", "30"),
    ],
)
def test_the_operators_rights_suffice(stack: Composed, words: tuple[str, ...]) -> None:
    """No command of the operator is refused anything, and none ends with a fault."""
    done = stack.tracker("operator", *words)
    assert done.returncode not in {ExitCode.DENIED, ExitCode.FAULT, ExitCode.USAGE}, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words", [("show", "c-1"), ("explain", "c-1"), ("rejected", "list"), ("journeys", "list"), ("topics", "check")]
)
def test_the_viewers_rights_suffice(stack: Composed, words: tuple[str, ...]) -> None:
    """No command that only looks is refused anything."""
    done = stack.tracker("operator", *words, **viewer(stack))
    assert done.returncode not in {ExitCode.DENIED, ExitCode.FAULT, ExitCode.USAGE}, done.stdout + done.stderr


def viewer(stack: Composed) -> dict[str, str]:
    """The variables by which a command runs as the viewer."""
    return {
        "KAFKA_SASL_USERNAME": "viewer",
        "KAFKA_SASL_PASSWORD_FILE": str(stack.secrets / "viewer/kafka-password"),
        "REDIS_URL": f"redis://viewer@{stack.redis.address}/0",
        "REDIS_PASSWORD_FILE": str(stack.secrets / "viewer/redis-password"),
    }


def test_a_missing_right_is_told(stack: Composed) -> None:
    """A command of a user without the right ends with DENIED, names the right, and says where rights come from."""
    file = str(stack.secrets / "producer/kafka-password")
    producer = {"KAFKA_SASL_USERNAME": "producer", "KAFKA_SASL_PASSWORD_FILE": file}
    done = stack.tracker("operator", "topics", "check", **producer)
    assert done.returncode == ExitCode.DENIED, done.stderr
    assert "Describe" in done.stderr and "tracker access grant" in done.stderr


def test_made_again_nothing_changes(stack: Composed) -> None:
    """Secrets that exist are kept, and rights that exist are not granted again."""
    before = {path: path.read_bytes() for path in stack.secrets.rglob("*") if path.is_file()}
    assert stack.once("secrets") == "All files exist.\n"
    assert stack.once("grant") == "All rights are there.\n"
    assert {path: path.read_bytes() for path in stack.secrets.rglob("*") if path.is_file()} == before


def test_no_secret_is_seen(stack: Composed) -> None:
    """No password and no key is in a log or on the command line of any process."""
    names = ("kafka-password", "redis-password", "hash-key", "id-salt")
    known = {path.read_text("utf-8").strip() for name in names for path in stack.secrets.glob(f"*/{name}")}
    assert len(known) >= 2 * len(ROLES) - 4
    logs: list[Path] = [stack.log(service) for service in LASTING]
    texts = [path.read_text("utf-8") for path in (*logs, stack.kafka.log_path, stack.redis.log_path)]
    parents = [psutil.Process(process.pid) for process in stack.processes.values()]
    processes = [each for parent in parents for each in (parent, *parent.children(recursive=True))]
    processes += [psutil.Process(stack.kafka.pid), psutil.Process(stack.redis.pid)]
    texts += [" ".join(each.cmdline()) for each in processes]
    assert [secret for secret in known if any(secret in text for text in texts)] == []


def test_no_right_was_missed(stack: Composed) -> None:
    """After all that, nothing that a process of the tracker asked for was refused by Redis or Kafka."""
    for service in LASTING:
        told = stack.log(service).read_text("utf-8")
        assert not any(word in told for word in ("NOPERM", "no permissions", "uthorizationFailed", "does not allow")), (
            told
        )
