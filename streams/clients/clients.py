"""The clients of Kafka and Redis, each opened by its library with addresses and credentials from one Settings value.

`streams/clients/failures.py` translates what the libraries raise.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any, Final

from streams.clients.failures import closed_kafka, door, silent_kafka
from streams.errors import ConfigurationError, TrackerError, Unreachable
from streams.settings.settings import Settings

# A command answers or fails within ten seconds; these time-outs leave room for a second attempt.
PROBE_S: Final = 3
PROBES: Final = 3
MEET_EVERY_S: Final = 0.05
BOOTSTRAP_MS: Final = 6_000
REQUEST_MS: Final = 8_000
# The pool makes callers wait rather than grow: two connections for each partition would be idle most of the time.
REDIS_CONNECTIONS: Final = 16


def kafka_bootstrap(settings: Settings) -> str:
    """The address of Kafka. Raises ConfigurationError where the settings have none."""
    return _address("Kafka", "KAFKA_BOOTSTRAP", settings.kafka_bootstrap)


def redis_url(settings: Settings) -> str:
    """The address of Redis. Raises ConfigurationError where the settings have none."""
    return _address("Redis", "REDIS_URL", settings.redis_url)


def _address(server: str, variable: str, address: str | None) -> str:
    if address is None:
        raise ConfigurationError(
            f"{variable} is not set, so the address of {server} is unknown.",
            "Set it, or start servers with `tracker servers up` and use the addresses it prints.",
        )
    return address


def kafka_ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context for Kafka, or None where the protocol is not encrypted."""
    if "SSL" not in settings.kafka_security_protocol:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
        context.check_hostname = settings.kafka_ssl_check_hostname
        if settings.kafka_ssl_certfile:
            # An empty password keeps OpenSSL from asking for one on the terminal.
            password = settings.kafka_ssl_key_password or ""
            context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile, password)
    except OSError as error:
        raise ConfigurationError(
            f"KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE or KAFKA_SSL_KEYFILE cannot be used: {error.strerror or error}.",
            "They must be PEM, and the key the certificate's own.",
        ) from error
    return context


def kafka_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that kafka-python's and aiokafka's clients share: address, TLS, SASL."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka_bootstrap(settings).split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": kafka_ssl_context(settings),
    }
    if "SASL" in settings.kafka_security_protocol:
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_sasl_username
        arguments["sasl_plain_password"] = settings.kafka_sasl_password
    return arguments


def faust_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `faust.App`: broker and its credentials."""
    from faust import SASLCredentials, SSLCredentials

    broker = [f"kafka://{address}" for address in kafka_bootstrap(settings).split(",")]
    context = kafka_ssl_context(settings)
    if "SASL" in settings.kafka_security_protocol:
        credentials: Any = SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
        return {"broker": broker, "broker_credentials": credentials}
    return {"broker": broker, "broker_credentials": SSLCredentials(context) if context else None}


@contextmanager
def kafka_admin(settings: Settings) -> Iterator[Any]:
    """A kafka-python admin client that answers or fails within ten seconds, errors translated."""
    from kafka import KafkaAdminClient

    probe_kafka(settings)
    waits = {"bootstrap_timeout_ms": BOOTSTRAP_MS, "request_timeout_ms": REQUEST_MS}
    with door(settings), closing(KafkaAdminClient(**kafka_arguments(settings), **waits)) as admin:
        _meet(admin)
        yield admin


def _meet(admin: Any) -> None:
    """Return when a broker has answered.

    kafka-python asks any broker that it has heard of, and gives up where that one is away while others answer. Whatever
    may be asked of any broker then goes to the one that has answered, because the connection to it is open.
    """
    from kafka.errors import KafkaConnectionError, NodeNotReadyError

    until_s = monotonic() + PROBE_S
    while True:
        try:
            admin.describe_cluster()
        except (KafkaConnectionError, NodeNotReadyError):
            if monotonic() > until_s:
                raise
            sleep(MEET_EVERY_S)
        else:
            return


def probe_kafka(settings: Settings) -> None:
    """Return when one of Kafka's addresses accepts a connection. Raises TrackerError with the reason otherwise.

    The clients themselves would try until their time-out, and report no reason then.
    """
    addresses = kafka_bootstrap(settings).split(",")
    arguments = kafka_arguments(settings)
    del arguments["bootstrap_servers"]
    # In a thread of its own, since the caller may run in an event loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _first_open(settings, addresses, arguments)).result()


async def _first_open(settings: Settings, addresses: Sequence[str], arguments: dict[str, Any]) -> None:
    reasons: list[TrackerError] = []
    for address in addresses[:PROBES]:
        try:
            with door(settings):
                await asyncio.wait_for(_knock(address, arguments), PROBE_S)
        except TrackerError as reason:
            reasons.append(reason)
        except (ConnectionResetError, EOFError):
            reasons.append(closed_kafka(settings))
        except OSError:  # connection refused, host unknown, or asyncio's time-out
            reasons.append(silent_kafka(settings))
        else:
            return
    # A refusal says more than a missing answer.
    raise min(reasons, key=lambda reason: isinstance(reason, Unreachable))


async def _knock(address: str, arguments: dict[str, Any]) -> None:
    """Connect as a client would, with TLS and SASL, and send one request."""
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaConnectionError
    from aiokafka.protocol.metadata import MetadataRequest

    host, _, port = address.rpartition(":")
    connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=PROBE_S * 1000, **arguments)
    try:
        await connection.send(MetadataRequest([]))
    except KafkaConnectionError as closed:
        raise EOFError from closed
    finally:
        await connection.close()


def redis_client(settings: Settings, *, retries: int = 1) -> Any:
    """A blocking client for commands: `redis.Redis`, or `RedisCluster` with REDIS_CLUSTER."""
    import redis
    from redis.backoff import ExponentialBackoff
    from redis.connection import parse_url
    from redis.retry import Retry

    options = _redis_options(settings, parse_url, Retry(ExponentialBackoff(cap=0.5, base=0.05), retries))
    with door(settings):
        if settings.redis_cluster:
            return redis.RedisCluster(**_for_cluster(options))
        return redis.Redis.from_pool(redis.BlockingConnectionPool(**options, timeout=settings.redis_timeout_s))


def async_redis_client(settings: Settings, *, retries: int = 0) -> Any:
    """A client for the event loop.

    It does not repeat a command by itself: after a time-out it is unknown whether a write was done, and the worker
    must read epoch and writes before it decides.
    """
    from redis import asyncio as redis
    from redis.asyncio.connection import Connection, parse_url
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff

    from streams.clients.redis_packing import packed

    options = _redis_options(settings, parse_url, Retry(ExponentialBackoff(cap=0.5, base=0.05), retries))
    if settings.redis_cluster:
        return redis.RedisCluster(**_for_cluster(options))
    options["connection_class"] = packed(options.get("connection_class", Connection))
    return redis.Redis.from_pool(redis.BlockingConnectionPool(**options, timeout=settings.redis_timeout_s))


def _redis_options(settings: Settings, parse_url: Callable[[str], Any], retry: Any) -> dict[str, Any]:
    url = redis_url(settings)
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise ConfigurationError("REDIS_URL cannot be read.", "redis://[name:password@]host:port[/db]") from error
    options: dict[str, Any] = {
        **parsed,
        "socket_timeout": settings.redis_timeout_s,
        "socket_connect_timeout": settings.redis_timeout_s,
        "max_connections": REDIS_CONNECTIONS,
        "retry": retry,
        "protocol": 2,  # RESP3 returns some replies in other shapes, and nothing here needs it
    }
    if settings.redis_password is not None:
        options["password"] = settings.redis_password
    if url.startswith("rediss://"):
        files = {
            "ssl_ca_certs": settings.redis_ssl_cafile,
            "ssl_certfile": settings.redis_ssl_certfile,
            "ssl_keyfile": settings.redis_ssl_keyfile,
        }
        options |= {name: str(path) for name, path in files.items() if path}
    return options


def _for_cluster(options: dict[str, Any]) -> dict[str, Any]:
    # A cluster has only database 0, and its client chooses the class of connection by the argument `ssl`.
    encrypted = "SSL" in getattr(options.get("connection_class"), "__name__", "")
    own = {name: value for name, value in options.items() if name not in {"connection_class", "db"}}
    return {**own, "ssl": encrypted}
