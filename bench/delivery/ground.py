"""The ground of a benchmark: its own Kafka and Redis, and what is read from them.

Both are part of the load: they run on the same cores as the candidates.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from kafka.admin import KafkaAdminClient, NewTopic
from redis import Redis

from bench.delivery import compiled
from bench.delivery.stage import Event, load
from bench.delivery.team import ROOT, cpu_s
from schemas.topics import topics
from streams.servers import Servers
from streams.stores.keys import keys

PARTITIONS: Final = 8
# Without the demo's limit on the JIT compiler, which only shortens the start.
JVM_OPTIONS: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")
# Kafka's default delay: all members of a group have joined before the first assignment.
KAFKA: Final = {"group.initial.rebalance.delay.ms": "3000", "log.segment.bytes": "268435456"}
JOURNEY: Final = Path(__file__).with_name("journey.yaml")


class Ground:
    """`with Ground() as ground:` gives servers that are ready; everything is removed afterwards."""

    def __init__(self, partitions: int = PARTITIONS, *, compiles: bool = False) -> None:
        """`compiles`: the tracker's engine runs as machine code."""
        self.partitions = partitions
        self._compiles = compiles
        self._servers = Servers(jvm_options=JVM_OPTIONS, kafka_properties=KAFKA)
        self._place = tempfile.TemporaryDirectory(prefix="journey-bench-")
        self.directory = Path(self._place.name)
        self._unpacked = self.directory / "compiled"
        self._runs = 0
        self.redis: Any = None

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self._servers.kafka_bootstrap

    @property
    def redis_url(self) -> str:
        """Redis' address."""
        return self._servers.redis_url

    def environ(self, channel: str, **more: str) -> dict[str, str]:
        """A new installation's settings: the tracker reads one channel, in a group of its own."""
        self._runs += 1
        return {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "REDIS_URL": self.redis_url,
            "TRACKER_CHANNELS": channel,
            "TRACKER_PARTITIONS": str(self.partitions),
            "TRACKER_GROUP": f"bench-{self._runs}",
            "TRACKER_JOURNEYS": str(JOURNEY),
            "TRACKER_LOG_FORMAT": "json",
            **({"PYTHONPATH": f"{self._unpacked}{os.pathsep}{ROOT}"} if self._compiles else {}),
            **more,
        }

    def new_directory(self) -> Path:
        """Where the next team keeps its files."""
        self._runs += 1
        return self.directory / f"team-{self._runs}"

    def create(self, channel: str) -> None:
        """The topics of a channel, and those that all share."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            there = set(admin.list_topics())
            wanted = [topic.name for topic in topics((channel,)) if topic.name not in there]
            admin.create_topics([NewTopic(name, self.partitions, 1) for name in wanted])
        finally:
            admin.close()

    def fill(self, channel: str, events: Iterable[Event]) -> int:
        """Send touchpoints to a new or existing channel; returns their number."""
        self.create(channel)
        return asyncio.run(load(self.bootstrap, f"touchpoints.{channel}", self.partitions, events))

    def forget(self) -> None:
        """Empty Redis, and wait until its disk has calmed down."""
        self.redis.flushall()
        time.sleep(0.5)

    def applied_by_partition(self, channel: str) -> list[int]:
        """The tracker's offset of each partition, from Redis."""
        pipe = self.redis.pipeline(transaction=False)
        for partition in range(self.partitions):
            pipe.hget(keys(partition).offsets, f"touchpoints.{channel}")
        return [int(offset or 0) for offset in pipe.execute()]

    def redis_bytes(self) -> int:
        """Memory that Redis' data take."""
        return int(self.redis.info("memory")["used_memory"])

    def cpu_s(self) -> Mapping[str, float]:
        """Processor seconds of the servers."""
        kafka, redis = self._servers.kafka, self._servers.redis
        return {"kafka": cpu_s(kafka.pid) if kafka else 0.0, "redis": cpu_s(redis.pid) if redis else 0.0}

    def __enter__(self) -> Self:
        try:
            if self._compiles:
                compiled.build(self._unpacked)
            self._servers.start()
        except BaseException:
            self._place.cleanup()
            raise
        self.redis = Redis.from_url(self.redis_url)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.redis.close()
        self._servers.stop()
        self._place.cleanup()
