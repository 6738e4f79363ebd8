"""The table of faults that torture chooses from: each breaks something, waits a little and repairs it."""

import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from streams.torture.rig import Rig


class Fault(NamedTuple):
    """One fault. `strike` returns when the cause is repaired, not when the workers have recovered."""

    name: str
    strike: Callable[[Rig, random.Random], None]
    keeps_outbox: bool = True
    """Whether Redis keeps every confirmed write, so that every sequence number must come out."""


def _wait(rig: Rig, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        rig.crew.keep(2)
        time.sleep(0.2)


def _kill_worker(rig: Rig, chance: random.Random) -> None:
    rig.crew.kill(chance.choice(rig.crew.hands))


def _kill_after_step(rig: Rig, chance: random.Random) -> None:
    rig.crew.start(failpoint=f"{chance.choice((1, 3, 4, 5, 6, 7))}:{chance.randrange(1, 6)}")
    _wait(rig, chance.uniform(3, 8))


def _restart_worker(rig: Rig, chance: random.Random) -> None:
    rig.crew.stop(chance.choice(rig.crew.hands))


def _freeze_worker(rig: Rig, chance: random.Random) -> None:
    hand = chance.choice(rig.crew.hands)
    rig.crew.freeze(hand)
    _wait(rig, chance.uniform(1, 12))
    rig.crew.thaw(hand)


def _kill_kafka(rig: Rig, chance: random.Random) -> None:
    rig.kafka.kill9()
    _wait(rig, chance.uniform(0, 10))
    rig.kafka.restart()


def _restart_kafka(rig: Rig, _chance: random.Random) -> None:
    rig.kafka.restart()


def _freeze_kafka(rig: Rig, chance: random.Random) -> None:
    rig.kafka.pause()
    _wait(rig, chance.uniform(1, 15))
    rig.kafka.resume()


def _kill_redis(rig: Rig, chance: random.Random) -> None:
    rig.redis_server.kill9()
    _wait(rig, chance.uniform(0, 5))
    rig.redis_server.restart()


def _freeze_redis(rig: Rig, chance: random.Random) -> None:
    rig.redis_server.pause()
    _wait(rig, chance.uniform(0.5, 12))
    rig.redis_server.resume()


def _empty_redis(rig: Rig, _chance: random.Random) -> None:
    rig.client.flushall()


FAULTS: Final = (
    Fault("kill -9 of a worker", _kill_worker),
    Fault("kill -9 after a numbered step", _kill_after_step),
    Fault("SIGTERM of a worker", _restart_worker),
    Fault("SIGSTOP of a worker", _freeze_worker),
    Fault("kill -9 of Kafka", _kill_kafka),
    Fault("restart of Kafka", _restart_kafka),
    Fault("SIGSTOP of Kafka", _freeze_kafka),
    Fault("kill -9 of Redis", _kill_redis, keeps_outbox=False),
    Fault("SIGSTOP of Redis", _freeze_redis),
    Fault("FLUSHALL", _empty_redis, keeps_outbox=False),
)
