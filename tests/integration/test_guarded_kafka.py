"""TLS and passwords of the settings reach Kafka through the clients of commands and of workers."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from streams.clients import clients
from streams.errors import Denied, TrackerError
from streams.settings.settings import Settings, read
from tests.servers import GuardedKafka, create_topics, start_private_servers

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedKafka]:
    """One guarded Kafka for this file."""
    with start_private_servers() as starter:
        kafka = starter.guarded_kafka({"tracker": "secret"})
        create_topics(kafka.server.bootstrap, "touchpoints.web")
        yield kafka


def settings(guarded: GuardedKafka, door: str, password: str = "secret") -> Settings:
    """What the environment says for one of the doors."""
    name = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "tracker", "KAFKA_SASL_PASSWORD": password}
    authority = {"KAFKA_SSL_CAFILE": str(guarded.cafile)}
    words = {
        "password": {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"} | name,
        "tls": {"KAFKA_SECURITY_PROTOCOL": "SSL"} | authority,
        "both": {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"} | name | authority,
    }
    return read({"KAFKA_BOOTSTRAP": getattr(guarded, door)} | words[door])


@pytest.mark.parametrize("door", ["password", "tls", "both"])
def test_commands_come_through_each_door(guarded: GuardedKafka, door: str) -> None:
    """An admin client sees the topics."""
    with clients.kafka_admin(settings(guarded, door)) as admin:
        assert "touchpoints.web" in admin.list_topics()


@pytest.mark.parametrize("door", ["password", "tls", "both"])
def test_workers_come_through_each_door(guarded: GuardedKafka, door: str) -> None:
    """A producer on the event loop gets its record in."""

    async def produce() -> int:
        async with AIOKafkaProducer(**clients.kafka_arguments(settings(guarded, door))) as producer:
            return (await producer.send_and_wait("touchpoints.web", b"{}")).offset

    assert asyncio.run(produce()) >= 0


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_comes_through_too(guarded: GuardedKafka, mechanism: str, tmp_path: Path) -> None:
    """Both libraries speak SCRAM, with a password from a file; Kafka knows its digest alone."""
    password = tmp_path / "password"
    password.write_text("a secret of SCRAM\n")
    with closing(KafkaAdminClient(bootstrap_servers=guarded.server.bootstrap)) as admin:
        kind = ScramMechanism[mechanism.replace("-", "_")]
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion("scram", kind, "a secret of SCRAM")])
    words = {
        "KAFKA_BOOTSTRAP": guarded.password,
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": "scram",
        "KAFKA_SASL_PASSWORD_FILE": str(password),
    }

    async def produce() -> int:
        async with AIOKafkaProducer(**clients.kafka_arguments(read(words))) as producer:
            return (await producer.send_and_wait("touchpoints.web", b"{}")).offset

    with clients.kafka_admin(read(words)) as admin:
        assert "touchpoints.web" in admin.list_topics()
    assert asyncio.run(produce()) >= 0


def test_a_wrong_password_is_denied(guarded: GuardedKafka) -> None:
    """One line that says so, with a remedy."""
    wrong = settings(guarded, "password", "wrong")
    with pytest.raises(Denied) as caught, clients.kafka_admin(wrong) as admin:
        admin.list_topics()
    assert caught.value.remedy


def test_an_unknown_authority_is_reported(guarded: GuardedKafka) -> None:
    """A certificate of somebody we do not trust: no connection, and the reason."""
    system = read({"KAFKA_BOOTSTRAP": guarded.tls, "KAFKA_SECURITY_PROTOCOL": "SSL"})
    with pytest.raises(TrackerError) as caught, clients.kafka_admin(system) as admin:
        admin.list_topics()
    assert caught.value.remedy
