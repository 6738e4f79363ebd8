"""Real servers for tests: a shared pair, private ones to break, and waiting for a condition with a deadline."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from kafka.admin import KafkaAdminClient, NewTopic
from redis import Redis

from streams.servers import KafkaServer, RedisServer, Servers, ports
from streams.servers.process_group import ProcessGroup

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline_s: float = 30.0, pause_s: float = 0.05) -> T:
    """The first true value of the condition; fails the test when there is none before the deadline."""
    until = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > until:
            pytest.fail(f"not within {deadline_s:g} s: {getattr(condition, '__doc__', None) or condition}")
        time.sleep(pause_s)
    return value


@dataclass(frozen=True)
class Names:
    """Names that no other test uses."""

    prefix: str

    def topic(self, name: str) -> str:
        """A topic of this test alone."""
        return f"{self.prefix}.{name}"

    def group(self, name: str = "group") -> str:
        """A consumer group of this test alone."""
        return f"{self.prefix}-{name}"


def create_topics(bootstrap: str, *topics: str, partitions: int = 4) -> None:
    """Create topics of one replica."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
    finally:
        admin.close()


class PrivateServers:
    """Starts servers that a test may pause, kill and start again; all end with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._group = stack.enter_context(ProcessGroup())
        self._numbers = count(1)

    def kafka(self, **options: Any) -> KafkaServer:
        """A Kafka of one's own, ready; options as KafkaServer takes them."""
        return self._start(KafkaServer(self._group, directory=self._place("kafka"), **options))

    def guarded_kafka(self, users: Mapping[str, str]) -> "GuardedKafka":
        """A Kafka with passwords (SASL PLAIN) and certificates (TLS) at doors of their own."""
        return GuardedKafka(self, users)

    def redis(self, *, port: int | None = None, aof: bool = True, **options: str) -> RedisServer:
        """A Redis of one's own, ready; options as in redis.conf with underscores: `maxmemory="5mb"`."""
        lines = {"appendonly": "yes" if aof else "no"} | {
            key.replace("_", "-"): value for key, value in options.items()
        }
        return self._start(RedisServer(self._group, port=port, options=lines, directory=self._place("redis")))

    def redis_cluster(self, nodes: int = 3, **options: str) -> "RedisCluster":
        """A Redis Cluster without replicas, all slots served."""
        cluster = RedisCluster(
            [self.redis(port=_port_with_bus(), cluster_enabled="yes", **options) for _ in range(nodes)]
        )
        cluster.join()
        return cluster

    def kafka_cluster(self, nodes: int = 3) -> "KafkaCluster":
        """Several Kafkas that are one cluster: three copies of each record, of which two must be written."""
        cluster = KafkaCluster(lambda **options: KafkaServer(self._group, directory=self._place("kafka"), **options))
        for _ in range(nodes):
            self._stack.callback(cluster.add().kill9)
        cluster.start()
        return cluster

    def new_place(self, kind: str) -> Path:
        """A directory that goes with the test."""
        place = self._place(kind)
        place.mkdir()
        return place

    def _place(self, kind: str) -> Path:
        return self._group.directory / f"{kind}-{next(self._numbers)}"

    def _start(self, server: T) -> T:
        self._stack.callback(server.kill9)
        server.start()
        return server


SCRAM = ("scram-sha-256", "scram-sha-512")


class GuardedKafka:
    """A Kafka that three doors lead to: `password` (SASL_PLAINTEXT), `tls` (SSL), `both` (SASL_SSL).

    `password` takes SCRAM too, of users that a client of the plain listener has made.
    """

    def __init__(self, starter: PrivateServers, users: Mapping[str, str]) -> None:
        authority = trustme.CA()
        place = starter.new_place("certificates")
        self.cafile = place / "ca.pem"
        authority.cert_pem.write_to_path(self.cafile)
        chain = place / "server.pem"
        chain.write_bytes(_as_kafka_reads_it(authority.issue_cert(ports.LOOPBACK, "localhost")))
        known = " ".join(f'user_{name}="{password}"' for name, password in users.items())
        login = f"org.apache.kafka.common.security.plain.PlainLoginModule required {known};"
        guarded = {f"listener.name.{door}.plain.sasl.jaas.config": login for door in ("password", "both")}
        digests = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        guarded |= {f"listener.name.password.{kind}.sasl.jaas.config": digests for kind in SCRAM}
        guarded["listener.name.password.sasl.enabled.mechanisms"] = ",".join(["PLAIN", *map(str.upper, SCRAM)])
        tls = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(chain)}
        self.server = starter.kafka(
            listeners={"PASSWORD": "SASL_PLAINTEXT", "TLS": "SSL", "BOTH": "SASL_SSL"},
            properties={"sasl.enabled.mechanisms": "PLAIN"} | guarded | tls,
        )
        self.password, self.tls, self.both = map(self.server.listener, ("PASSWORD", "TLS", "BOTH"))


def _as_kafka_reads_it(certificate: trustme.LeafCert) -> bytes:
    """Key and chain in one PEM; Java wants the key in PKCS 8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pkcs8 + b"".join(link.bytes() for link in certificate.cert_chain_pems)


class RedisCluster:
    """Redis servers that share the slots; `url` is the first one's, which tells clients of the others."""

    def __init__(self, nodes: list[RedisServer]) -> None:
        self.nodes = nodes
        self.url = nodes[0].url

    def join(self) -> None:
        """Share out the slots, introduce the nodes to each other, wait until each serves."""
        clients = [Redis.from_url(node.url) for node in self.nodes]
        step = -(-SLOTS // len(clients))
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTS", *range(number * step, min((number + 1) * step, SLOTS)))
            client.execute_command("CLUSTER MEET", ports.LOOPBACK, self.nodes[0].port)
        wait_until(lambda: all(_serves(client, len(clients)) for client in clients), 20)
        for client in clients:
            client.close()


class KafkaCluster:
    """Kafkas that are one cluster; each is a broker and a controller, so any one of them may be away."""

    def __init__(self, new: Callable[..., KafkaServer]) -> None:
        self.nodes: list[KafkaServer] = []
        self._new = new
        self._voters: list[str] = []

    @property
    def bootstrap(self) -> str:
        """The addresses of all."""
        return ",".join(node.bootstrap for node in self.nodes)

    def add(self) -> KafkaServer:
        """One more node, which is not started yet."""
        number = len(self.nodes) + 1
        own, controller = ports.free_port(), ports.free_port()
        self._voters.append(f"{number}@{ports.LOOPBACK}:{controller}")
        properties = {
            "node.id": str(number),
            "listeners": f"CLIENT://{ports.LOOPBACK}:{own},CONTROLLER://{ports.LOOPBACK}:{controller}",
            "min.insync.replicas": "2",
            "replica.lag.time.max.ms": "5000",
            "offsets.topic.replication.factor": "3",
            "default.replication.factor": "3",
        }
        node = self._new(port=own, properties=properties)
        self.nodes.append(node)
        return node

    def start(self) -> None:
        """Start all at once, since a majority must be up before one is ready."""
        for node in self.nodes:
            node.properties["controller.quorum.voters"] = ",".join(self._voters)
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(KafkaServer.start, self.nodes))


SLOTS = 16384


def _serves(client: Redis, nodes: int) -> bool:
    """Whether the node sees all the others and every slot has its owner."""
    told = client.execute_command("CLUSTER INFO")
    lines = told.decode() if isinstance(told, bytes) else "\n".join(f"{k}:{v}" for k, v in told.items())
    return "cluster_state:ok" in lines and f"cluster_known_nodes:{nodes}" in lines


def _port_with_bus() -> int:
    """A free port whose neighbour 10000 further on, which the nodes talk over, is free too."""
    return next(port for port in iter(ports.free_port, 0) if ports.is_free(port + 10_000))


@contextmanager
def start_private_servers() -> Iterator[PrivateServers]:
    """Servers for one test to break."""
    with ExitStack() as stack:
        yield PrivateServers(stack)


@contextmanager
def shared_servers() -> Iterator[Servers]:
    """The pair that tests share: those of the environment, else ours."""
    with Servers(os.environ.get("KAFKA_BOOTSTRAP"), os.environ.get("REDIS_URL")) as servers:
        yield servers


def fresh_names() -> Names:
    """Names for one test."""
    return Names(f"test-{uuid.uuid4().hex[:8]}")
