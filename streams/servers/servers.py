"""Kafka and Redis together: started here, or at addresses that were given. Callers need not know which."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.servers.kafka import JVM_OPTIONS, KafkaServer
from streams.servers.process import Report, silence
from streams.servers.process_group import ProcessGroup
from streams.servers.redis import RedisServer


class Servers:
    """`with Servers() as servers:` gives `kafka_bootstrap` and `redis_url` of servers that are ready.

    `kafka` and `redis` are addresses of servers to use instead of starting them. `data` is a directory to keep;
    without it the directory is private and removed with the servers. `report` is called with lines of progress.
    """

    def __init__(
        self,
        kafka: str | None = None,
        redis: str | None = None,
        *,
        data: Path | None = None,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        kafka_properties: Mapping[str, str] | None = None,
        redis_options: Mapping[str, str] | None = None,
        jvm_options: Sequence[str] = JVM_OPTIONS,
        report: Report = silence,
    ) -> None:
        self._report = report
        self.kafka_bootstrap = kafka or ""
        self.redis_url = redis or ""
        self.kafka: KafkaServer | None = None
        self.redis: RedisServer | None = None
        self._data = data
        self._new_redis = partial(RedisServer, port=redis_port, options=redis_options)
        self._new_kafka = partial(
            KafkaServer, port=kafka_port, properties=kafka_properties, jvm_options=jvm_options, report=report
        )
        self._stack = ExitStack()

    def start(self) -> None:
        """Return when both are ready; when one does not start, nothing is left running."""
        if self.kafka_bootstrap and self.redis_url:
            return
        with ExitStack() as stack:
            group = stack.enter_context(ProcessGroup(self._data))
            if not self.redis_url:
                self.redis = self._new_redis(group)
                stack.callback(self.redis.stop)
                self.redis.launch()
            if not self.kafka_bootstrap:
                self.kafka = self._new_kafka(group)
                stack.callback(self.kafka.stop)
                self._report("starting Kafka and Redis" if self.redis else "starting Kafka")
                self.kafka.launch()
            self._wait()
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """Stop Kafka, then Redis, then remove the private directory. A second call does nothing."""
        self._stack.close()

    def _wait(self) -> None:
        if self.redis is not None:
            self.redis.wait_until_ready()
            self.redis_url = self.redis.url
        if self.kafka is not None:
            self.kafka.wait_until_ready()
            self.kafka_bootstrap = self.kafka.bootstrap

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
