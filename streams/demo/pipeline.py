"""The demo's real pipeline: servers, topics, worker processes, and the demo's questions to them.

All of it ends with the `with` block, also after an error.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from schemas.topics import REJECTED, TOUCHPOINTS
from streams.clients.clients import kafka_arguments, redis_client
from streams.clients.topic_shapes import create
from streams.errors import ExitCode, TrackerError
from streams.exporter.figures import Figures, read
from streams.servers import Servers, ports
from streams.servers.process_group import ProcessGroup
from streams.settings.settings import Settings

PROCESSES: Final = 2
READY_S: Final = 90.0
LOOK_S: Final = 0.1
# The supervisor gives its workers 9.5 s to drain.
STOP_S: Final = 12.0
TAIL_LINES: Final = 15
# The supervisor logs this when a worker has ended. After so many such lines without a ready worker, none will be ready.
STARTED_AGAIN: Final = "starting it again"
MOST_STARTS: Final = 3 * PROCESSES
ATTEMPTS: Final = 5
"""How often other ports are tried."""
ROOT: Final = Path(__file__).parents[2]


class WorkerProcesses:
    """`tracker worker --processes N` as a child in a process group: it cannot outlive this process."""

    def __init__(self, group: ProcessGroup, settings: Settings, environ: Mapping[str, str]) -> None:
        self.group = group
        self.log_path = group.directory / "workers.log"
        self._host = settings.http_host
        self.environ: Final[dict[str, str]] = {
            **environ,
            "PYTHONPATH": os.pathsep.join(part for part in (str(ROOT), environ.get("PYTHONPATH", "")) if part),
            "PYTHONUNBUFFERED": "1",
            "KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
            "REDIS_URL": settings.redis_url or "",
            "TRACKER_PARTITIONS": str(settings.partitions),
            "TRACKER_JOURNEYS": os.pathsep.join(str(file) for file in settings.journey_files()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._others: list[subprocess.Popen[bytes]] = []
        self.first_port = self._starts = 0

    @property
    def pages(self) -> list[str]:
        """The address of each process' pages."""
        return [f"http://{self._host}:{self.first_port + place}" for place in range(PROCESSES)]

    def start(self) -> None:
        """Start them, without waiting; again, on other ports, where they have ended."""
        if self._process is not None:
            self.group.forget(self._process)
        self.first_port = ports.free_port(PROCESSES)
        self.environ["TRACKER_HTTP_PORT"] = str(self.first_port)
        self._starts += 1
        command = [sys.executable, "-m", "streams", "worker", "--processes", str(PROCESSES)]
        with self.log_path.open("ab") as log:
            # In the present directory, not the log's: settings may name files by relative paths.
            self._process = self.group.start(command, Path.cwd(), log, self.environ)

    def start_exporter(self) -> str:
        """Serve the funnel to Prometheus too; the address of its page. It ends with the group."""
        return self._start_other("exporter", port_variable="EXPORTER_PORT")

    def start_canary(self, *options: str) -> str:
        """Measure the whole way; the address of its page. It ends with the group."""
        return self._start_other("canary", *options, port_variable="CANARY_PORT")

    def _start_other(self, *command: str, port_variable: str) -> str:
        port = ports.free_port()
        with (self.group.directory / f"{command[0]}.log").open("ab") as log:
            words = [sys.executable, "-m", "streams", *command]
            environ = self.environ | {port_variable: str(port)}
            self._others.append(self.group.start(words, Path.cwd(), log, environ))
        return f"http://{self._host}:{port}/metrics"

    def wait_until_ready(self, deadline_s: float = READY_S) -> None:
        """Return when each process has its partitions; raises TrackerError when one ends or takes too long."""
        until = time.monotonic() + deadline_s
        waiting = [f"{page}/health/ready" for page in self.pages]
        while waiting := [page for page in waiting if not _answers(page)]:
            if self._lost_a_port() and self._starts < ATTEMPTS:
                self.start()
                waiting = [f"{page}/health/ready" for page in self.pages]
            self.check()
            if self._log().count(STARTED_AGAIN) >= MOST_STARTS:
                raise TrackerError(
                    f"The workers end as soon as they are started; the end of their log:\n{self.tail()}",
                    "`tracker doctor` checks what they need.",
                )
            if time.monotonic() > until:
                raise TrackerError(
                    f"The workers were not ready within {deadline_s:.0f} s; the end of their log:\n{self.tail()}",
                    "Try again when the machine is less busy.",
                    ExitCode.STALLED,
                )
            time.sleep(LOOK_S)

    def check(self) -> None:
        """Raises TrackerError, with the end of their log, when they have ended."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            raise TrackerError(
                f"The workers have ended with exit code {code}; the end of their log:\n{self.tail()}",
                "`tracker doctor` checks what they need.",
            )

    def _lost_a_port(self) -> bool:
        """Whether they have ended because another program took a port since it was found free."""
        return self._process is not None and self._process.poll() == ExitCode.PORT_IN_USE

    def tail(self) -> str:
        """The last lines of what they wrote."""
        return "\n".join(f"  | {line}" for line in self._log().splitlines()[-TAIL_LINES:]) or "  | (empty)"

    def _log(self) -> str:
        try:
            return self.log_path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """Let them drain, and wait for them."""
        for other in self._others:
            other.terminate()
            other.wait(STOP_S)
            self.group.forget(other)
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self.group.forget(self._process)


class RealPipeline:
    """The demo's questions to Kafka, Redis and the workers. Figures and counts leave out what was there before."""

    def __init__(self, settings: Settings, workers: WorkerProcesses, consumer: Any) -> None:
        from kafka import TopicPartition

        self.settings = settings
        self.workers = workers
        self._redis = redis_client(settings)
        self._consumer = consumer
        inputs = [topic.name for topic in settings.topics() if topic.direction == "input"]
        partitions = range(settings.partitions)
        self._inputs = [TopicPartition(topic, partition) for topic in inputs for partition in partitions]
        self._rejections = [TopicPartition(REJECTED, partition) for partition in partitions]
        self._before = Figures({}, {})
        self._rejected_before = 0
        self._latest = Figures({}, {})

    def begin(self) -> None:
        """Count only what is new from now on."""
        self._before = self._read()
        self._rejected_before = self._count(self._rejections)

    def figures(self) -> Figures:
        """The present figures of this demo alone."""
        self._latest = self._read()
        return self._latest.since(self._before)

    def applied(self) -> int:
        """Touchpoint messages applied since the beginning, by the figures read last."""
        return _touchpoints(self._latest) - _touchpoints(self._before)

    def lag(self) -> int:
        """Messages in the input topics that are not applied."""
        ends = self._consumer.end_offsets(self._inputs)
        applied = self._read().offsets
        return sum(max(end - applied.get((place.topic, place.partition), 0), 0) for place, end in ends.items())

    def rejected(self) -> int:
        """Messages of this demo in the topic of rejections."""
        return self._count(self._rejections) - self._rejected_before

    def check(self) -> None:
        """Raises TrackerError when the workers have ended."""
        self.workers.check()

    def _read(self) -> Figures:
        return read(self._redis, self.settings.partitions)

    def _count(self, places: list[Any]) -> int:
        return sum(self._consumer.end_offsets(places).values())


@contextmanager
def pipeline(settings: Settings, environ: Mapping[str, str], report: Callable[[str], None]) -> Iterator[RealPipeline]:
    """Servers (where the settings name none), topics and workers, all ready; `report` gets lines of progress."""
    from kafka import KafkaConsumer

    with ExitStack() as stack:
        servers = stack.enter_context(Servers(settings.kafka_bootstrap, settings.redis_url, report=report))
        settings = replace(settings, kafka_bootstrap=servers.kafka_bootstrap, redis_url=servers.redis_url)
        report("creating topics")
        create(settings)
        report(f"starting {PROCESSES} workers")
        workers = WorkerProcesses(stack.enter_context(ProcessGroup()), settings, environ)
        stack.callback(workers.stop)
        workers.start()
        consumer = KafkaConsumer(**kafka_arguments(settings), isolation_level="read_committed")
        stack.callback(consumer.close)
        workers.wait_until_ready()
        running = RealPipeline(settings, workers, consumer)
        _drain(running)
        running.begin()
        yield running


def _drain(running: RealPipeline) -> None:
    """Wait until messages from before, in the topics of a given cluster, are applied."""
    until = time.monotonic() + READY_S
    while running.lag():
        running.check()
        if time.monotonic() > until:
            raise TrackerError(
                f"{running.lag()} messages from before still wait in the input topics.",
                "Let the workers catch up, or name another Kafka and Redis.",
                ExitCode.STALLED,
            )
        time.sleep(LOOK_S)


def _touchpoints(figures: Figures) -> int:
    return sum(offset for (topic, _), offset in figures.offsets.items() if topic.startswith(TOUCHPOINTS))


def _answers(page: str) -> bool:
    try:
        with urllib.request.urlopen(page, timeout=2) as answer:  # noqa: S310  # our own address
            return bool(answer.status == 200)
    except (HTTPException, OSError):
        return False
