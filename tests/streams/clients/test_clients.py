import socket
import ssl
import time

import pytest
import redis
import redis.asyncio

from streams.clients import clients
from streams.errors import ConfigurationError, Unreachable
from streams.settings import settings

KAFKA = {"KAFKA_BOOTSTRAP": "one:9092,two:9092"}
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "tracker",
    "KAFKA_SASL_PASSWORD": "s3cret",
}
NOWHERE = {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "REDIS_URL": "redis://127.0.0.1:9"}


def test_kafka_in_the_clear() -> None:
    """Without a protocol the clients get the addresses alone."""
    assert clients.kafka_arguments(settings.read(KAFKA)) == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


def test_kafka_with_tls_and_sasl() -> None:
    """With SASL_SSL both Kafka libraries get name, password, mechanism and a context that verifies."""
    arguments = clients.kafka_arguments(settings.read(KAFKA | SASL))
    context = arguments.pop("ssl_context")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("tracker", "s3cret")


def test_libraries_take_the_arguments() -> None:
    """Every argument is one that kafka-python and aiokafka know."""
    import inspect

    import aiokafka
    import kafka

    given = clients.kafka_arguments(settings.read(KAFKA | SASL)).keys()
    for library in (aiokafka.AIOKafkaConsumer, aiokafka.AIOKafkaProducer):
        assert given <= inspect.signature(library).parameters.keys()
    for library in (kafka.KafkaAdminClient, kafka.KafkaConsumer, kafka.KafkaProducer):
        assert given <= library.DEFAULT_CONFIG.keys()


def test_faust_gets_the_same() -> None:
    """Faust's credentials say what kafka-python's arguments say."""
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    asked = settings.read(KAFKA | SASL)
    found = clients.faust_arguments(asked)
    told = credentials_to_aiokafka_auth(found["broker_credentials"])
    assert found["broker"] == ["kafka://one:9092", "kafka://two:9092"]
    assert told.keys() <= clients.kafka_arguments(asked).keys()
    assert (told["security_protocol"], told["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")


def test_host_name_check_can_be_switched_off() -> None:
    """KAFKA_SSL_CHECK_HOSTNAME=false still verifies the certificate's signature."""
    environ = KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CHECK_HOSTNAME": "false"}
    context = clients.kafka_ssl_context(settings.read(environ))
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_certificate_that_is_none(tmp_path) -> None:
    """A file that is no certificate is refused by the variables' names."""
    (tmp_path / "ca.pem").write_text("not a certificate", encoding="utf-8")
    environ = KAFKA | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(tmp_path / "ca.pem")}
    with pytest.raises(ConfigurationError, match="KAFKA_SSL_CAFILE"):
        clients.kafka_arguments(settings.read(environ))


def test_missing_address_is_a_setting() -> None:
    """Without an address the remedy names the variable and the servers that we can start."""
    with pytest.raises(ConfigurationError, match=r"KAFKA_BOOTSTRAP is not set.*tracker servers up"):
        clients.kafka_arguments(settings.read({}))
    with pytest.raises(ConfigurationError, match="REDIS_URL is not set"):
        clients.redis_client(settings.read({}))


@pytest.mark.parametrize("make", [clients.redis_client, clients.async_redis_client])
def test_redis_waits_little(make) -> None:
    """A Redis client has a time-out, few retries and a bounded pool, and speaks RESP2."""
    client = make(settings.read({"REDIS_URL": "redis://me:old@redis:7000/3", "REDIS_PASSWORD": "new"}))
    options = client.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"], options["protocol"]) == (2, 2, 2)
    assert (options["host"], options["port"], options["db"], options["password"]) == ("redis", 7000, 3, "new")
    assert options["retry"].get_retries() <= 2
    assert client.connection_pool.max_connections == clients.REDIS_CONNECTIONS


def test_redis_over_tls(tmp_path) -> None:
    """With rediss:// the connection is encrypted and verified by the given authority."""
    authority = tmp_path / "ca.pem"
    authority.touch()
    client = clients.redis_client(settings.read({"REDIS_URL": "rediss://redis", "REDIS_SSL_CAFILE": str(authority)}))
    assert client.connection_pool.connection_class is redis.SSLConnection
    assert client.connection_pool.connection_kwargs["ssl_ca_certs"] == str(authority)


async def _cluster_options() -> dict:
    client = clients.async_redis_client(settings.read({"REDIS_URL": "rediss://node:7000", "REDIS_CLUSTER": "true"}))
    assert isinstance(client, redis.asyncio.RedisCluster)
    return client.connection_kwargs


def test_redis_cluster() -> None:
    """With REDIS_CLUSTER the client is a cluster's, with the same time-outs."""
    import asyncio

    assert asyncio.run(_cluster_options())["socket_timeout"] == 2


def test_unreachable_kafka_is_told_at_once() -> None:
    """Where nothing listens, the answer comes in seconds, with the address and the remedy."""
    begun = time.monotonic()
    said = r"Kafka at 127.0.0.1:9 does not answer.*KAFKA_BOOTSTRAP"
    with pytest.raises(Unreachable, match=said), clients.kafka_admin(settings.read(NOWHERE)):
        pass
    assert time.monotonic() - begun < 10


def test_unreachable_redis_is_told_at_once() -> None:
    """A refused connection is an Unreachable with the address."""
    from streams.clients.failures import door

    asked = settings.read(NOWHERE)
    with pytest.raises(Unreachable, match=r"redis://127.0.0.1:9 does not answer"), door(asked):
        clients.redis_client(asked).ping()


def test_silent_servers_are_told_within_ten_seconds() -> None:
    """Where something takes the connection and never answers, both servers are Unreachable in time."""
    from streams.clients.failures import door

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        asked = settings.read({"KAFKA_BOOTSTRAP": f"127.0.0.1:{port}", "REDIS_URL": f"redis://127.0.0.1:{port}"})
        begun = time.monotonic()
        with pytest.raises(Unreachable), clients.kafka_admin(asked):
            pass
        with pytest.raises(Unreachable), door(asked):
            clients.redis_client(asked).ping()
    assert time.monotonic() - begun < 10
