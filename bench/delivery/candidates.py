"""The candidates as one table: name, command, requirements, and how the progress of each is read."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.delivery import java
from bench.delivery.ground import Ground
from bench.delivery.team import ROOT, Team

WORKER: Final = [sys.executable, "-m", "streams", "worker", "--supervised"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to keep customers' stages."""

    name: str
    title: str
    processes: int
    start: Callable[[Team, Ground, str, int], None]
    """Starts so many processes on a channel."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run on this machine, or None."""
    in_redis: bool = False
    """Whether its progress is read from Redis' offsets; otherwise its processes print it."""
    at_most_s: float = float("inf")
    """For a candidate that would take a quarter of an hour: the rate over a part of the topic is as good."""


def _environ(ground: Ground, team: Team, channel: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP": ground.bootstrap,
        "REDIS_URL": ground.redis_url,
        "BENCH_TOPIC": f"touchpoints.{channel}",
        "BENCH_GROUP": f"bench-{team.directory.name}",
        "BENCH_STATE": str(team.directory / "state"),
    }


def tracker(team: Team, ground: Ground, channel: str, processes: int) -> None:
    """Worker processes as a supervisor starts them."""
    environ = ground.environ(channel)
    for _ in range(processes):
        team.start(WORKER, environ)


def _in_python(team: Team, ground: Ground, channel: str, processes: int) -> None:
    environ = ground.environ(channel)
    environ.pop("PYTHONPATH", None)
    for _ in range(processes):
        team.start(WORKER, environ)


def _faust(team: Team, ground: Ground, channel: str, processes: int) -> None:
    script = str(ROOT / "bench" / "delivery" / "peers" / "plain_faust.py")
    for number in range(processes):
        command = [sys.executable, script, "--datadir", str(team.directory / f"data-{number}")]
        team.start([*command, "worker", "-l", "warn", "--without-web"], _environ(ground, team, channel))


def _python(name: str) -> Callable[[Team, Ground, str, int], None]:
    def start(team: Team, ground: Ground, channel: str, processes: int) -> None:
        for number in range(processes):
            # Two processes cannot share a folder of RocksDB.
            environ = _environ(ground, team, channel) | {"BENCH_STATE": str(team.directory / f"state-{number}")}
            team.start([sys.executable, str(ROOT / "bench" / "delivery" / "peers" / f"{name}.py")], environ)

    return start


def _streams(threads: int) -> Callable[[Team, Ground, str, int], None]:
    def start(team: Team, ground: Ground, channel: str, _processes: int) -> None:
        environ = _environ(ground, team, channel) | {"BENCH_THREADS": str(threads)}
        team.start(java.command(ground.directory / "classes"), environ)

    return start


def _needs(module: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        there = importlib.util.find_spec(module)
        return None if there else f"the package {module} is not installed: pip install -e '.[bench]'"

    return missing


CANDIDATES: Final = (
    Candidate("tracker-1", "(a) this tracker, full engine, 1 worker", 1, tracker, in_redis=True),
    Candidate("tracker-2", "(a) this tracker, full engine, 2 workers", 2, tracker, in_redis=True),
    Candidate("python-2", "(a) the same in Python, not compiled, 2 workers", 2, _in_python, in_redis=True),
    Candidate("faust", "(b) idiomatic Faust + Redis, 1 process", 1, _faust, at_most_s=20.0),
    Candidate("quix-1", "(c) Quix Streams, 1 process", 1, _python("quix"), _needs("quixstreams")),
    Candidate("quix-2", "(c) Quix Streams, 2 processes", 2, _python("quix"), _needs("quixstreams")),
    Candidate("streams-1", "(d) Kafka Streams, exactly once, 1 thread", 1, _streams(1), java.missing),
    Candidate("streams-2", "(d) Kafka Streams, exactly once, 2 threads", 1, _streams(2), java.missing),
    Candidate("bare", "(e) bare limit: librdkafka + Redis, 1 process", 1, _python("bare"), _needs("confluent_kafka")),
)
NAMES: Final = {candidate.name: candidate for candidate in CANDIDATES}
