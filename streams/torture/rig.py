"""The rig: servers, topics, a crew of workers and a feeder, and the wait until all is applied after a fault."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafka.admin import NewTopic
from redis import exceptions as redis_errors

from streams.clients.clients import kafka_admin, redis_client
from streams.servers import KafkaServer, RedisServer
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings, read
from streams.simulator.deviations import Deviations
from streams.simulator.stream import Scenario, events
from streams.simulator.truth import Truth
from streams.stores.keys import is_topic, keys
from streams.torture.crew import Crew
from streams.torture.feeder import Feeder
from streams.torture.kafka_view import KafkaView
from streams.torture.verdict import Verdict, judge

DEVIATIONS = Deviations(duplicates=0.05, disorder=0.05, late=0.02, wrong_clocks=0.02, poison=0.005)


class NotAtRest(Exception):  # noqa: N818  # the state of the world, not of our code
    """Not everything that was sent was applied in time; the message has the end of the workers' logs."""


class Rig:
    """One installation under test. `close` ends everything except the servers, which the caller started."""

    def __init__(
        self,
        kafka: KafkaServer,
        redis: RedisServer,
        directory: Path,
        *,
        seed: int = 1,
        partitions: int = 4,
        deviations: Deviations = DEVIATIONS,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.kafka = kafka
        self.redis_server = redis
        self.seed = seed
        self.deviations = deviations
        environ = {
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "REDIS_URL": redis.url,
            "TRACKER_PARTITIONS": str(partitions),
            "TRACKER_SESSION_TIMEOUT_S": "6",
            "TRACKER_REDIS_TIMEOUT_S": "1",
            "TRACKER_BATCH_RECORDS": "500",
            "TRACKER_LOG_FORMAT": "json",
            **(options or {}),
        }
        self.settings: Settings = read({**os.environ, **environ})
        self.definition = load_journeys(self.settings)[0]
        self.client: Any = redis_client(self.settings, retries=0)
        """A blocking client without retries."""
        self.view = KafkaView(kafka.bootstrap, self.settings)
        self.crew = Crew(environ, directory)
        self.truth = Truth([stage.name for stage in self.definition.stages])
        self.feeder: Feeder | None = None
        self.recovery_s = 0.0
        self.verdict = Verdict()
        self._feeds = 0

    def create_topics(self, config: Mapping[str, str] | None = None, *, replication: int = 1) -> None:
        """All topics of the installation."""
        with kafka_admin(self.settings) as admin:
            admin.create_topics(
                [
                    NewTopic(topic.name, self.settings.partitions, replication, topic_configs=dict(config or {}))
                    for topic in self.settings.topics()
                ]
            )

    def feed(self, customers: int, rate: float | None) -> Feeder:
        """Begin to send the touchpoints of some more customers."""
        self._feeds += 1
        scenario = Scenario(
            starts_ms=int(time.time() * 1000) - 3_600_000 + self._feeds,
            interval_ms=50.0,
            seed=self.seed * 1000 + self._feeds,
            customers=customers,
            deviations=self.deviations,
        )
        self.feeder = Feeder(self.kafka.bootstrap, self.settings.partitions, events(scenario), rate, self.truth)
        self.feeder.start()
        return self.feeder

    def applied(self) -> dict[tuple[str, int], int]:
        """The applied offsets, from Redis."""
        client = self.client
        result = {}
        for partition in range(self.settings.partitions):
            for topic, offset in client.hgetall(keys(partition).offsets).items():
                result[topic.decode(), partition] = int(offset)
        return result

    def total_applied(self) -> int:
        """Records applied so far; 0 while Redis does not answer."""
        try:
            return sum(offset for (topic, _), offset in self.applied().items() if is_topic(topic))
        except (redis_errors.RedisError, OSError):
            return 0

    def is_at_rest(self) -> bool:
        """Whether everything in Kafka is applied and the outboxes are empty."""
        try:
            applied = self.applied()
            client = self.client
            if any(client.llen(keys(partition).outbox) for partition in range(self.settings.partitions)):
                return False
        except (redis_errors.RedisError, OSError):
            return False
        return all(applied.get(place, 0) >= end for place, end in self.view.ends().items() if end)

    def settle(self, workers: int, deadline_s: float) -> float:
        """Keep `workers` running until everything is applied; returns the seconds after the last message was sent.

        Raises `NotAtRest`.
        """
        assert self.feeder is not None
        until_s = time.monotonic() + deadline_s
        self.until(lambda: self.feeder is not None and self.feeder.done, workers, deadline_s, "the feeder ends")
        self.feeder.join(1)
        fed_s = time.monotonic()
        self.until(self.is_at_rest, workers, until_s - fed_s, "all is applied")
        self.recovery_s = time.monotonic() - fed_s
        return self.recovery_s

    def until(self, condition: Callable[[], bool], workers: int, deadline_s: float, what: str) -> None:
        """Keep `workers` running until a condition holds. Raises `NotAtRest` after the deadline."""
        until_s = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > until_s:
                raise NotAtRest(f"not within {deadline_s:.0f} s: {what}\n{self._where()}\n{self.crew.tail()}")
            self.crew.keep(workers)
            time.sleep(0.2)

    def judge(self, *, outbox_whole: bool = True, sent_again: int = 0) -> Verdict:
        """The verdict on all that was sent so far."""
        assert self.feeder is not None
        # Poison in a chunk that was sent again is rejected twice, since it has no event id.
        whole = outbox_whole and not self.feeder.resent_chunks
        self.verdict = judge(
            self.client, self.view, self.settings, self.definition, self.truth,
            outbox_whole=whole, sent_again=sent_again,
        )  # fmt: skip
        return self.verdict

    def report(self) -> dict[str, object]:
        """What the faults cost, for `docs/reliability.md`."""
        return {
            "messages": self.feeder.confirmed if self.feeder else 0,
            "customers": self.verdict.customers,
            "lost": self.verdict.lost,
            "wrong": len(self.verdict.wrong),
            "redelivered": self.verdict.redelivered,
            "refused": self.crew.said("store has lost writes"),
            "fenced": self.crew.said("FENCED"),
            "ended": len(self.crew.ends),
            "recovery_s": round(self.recovery_s, 1),
        }

    def close(self) -> None:
        """End workers and feeder."""
        if self.feeder is not None:
            self.feeder.stop()
        self.crew.close()
        self.client.close()

    def _where(self) -> str:
        try:
            applied, ends = self.applied(), self.view.ends()
        except Exception as error:  # noqa: BLE001  # only for the message
            return f"{type(error).__name__}: {error}"
        behind = {place: (applied.get(place, 0), end) for place, end in ends.items() if applied.get(place, 0) < end}
        return f"behind (applied, end): {behind}"
