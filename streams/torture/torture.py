"""Torture: it repeats rounds for a given time. A round is a stream, random faults, recovery and a verdict."""

import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from streams.servers import KafkaServer, RedisServer
from streams.servers.process_group import ProcessGroup
from streams.torture.faults import FAULTS
from streams.torture.rig import Rig
from streams.torture.verdict import Verdict

ROUND_CUSTOMERS = 8000
ROUND_RATE = 400.0
WORKERS = 2
REST_WITHIN_S = 240.0


class Round(NamedTuple):
    """One stream with its faults, and its result."""

    number: int
    faults: tuple[str, ...]
    recovery_s: float
    """From the last fault's end, or the stream's, to everything applied."""
    messages: int
    resent: int
    redelivered: int
    verdict: Verdict


def torture(minutes: float, seed: int, report: Callable[[Round], None], say: Callable[[str], None]) -> bool:
    """Whether every round's verdict was exact; it stops after one that was not. A seed repeats the same faults."""
    chance = random.Random(seed)
    until_s = time.monotonic() + minutes * 60
    exact, number = True, 0
    while exact and (number == 0 or time.monotonic() < until_s):
        number += 1
        found = _round(number, seed, chance, say)
        report(found)
        exact = found.verdict.holds
    return exact


def _round(number: int, seed: int, chance: random.Random, say: Callable[[str], None]) -> Round:
    with ExitStack() as stack:
        group = stack.enter_context(ProcessGroup())
        kafka, redis = KafkaServer(group), RedisServer(group, options={"appendonly": "yes"})
        for server in (redis, kafka):
            stack.callback(server.kill9)
            server.start()
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracker-torture-")))
        rig = Rig(kafka, redis, logs, seed=seed * 100 + number)
        stack.callback(rig.close)
        rig.create_topics()
        rig.crew.keep(WORKERS)
        feeder = rig.feed(ROUND_CUSTOMERS, ROUND_RATE)
        rig.until(lambda: rig.total_applied() > 0, WORKERS, 60, "the first batch is applied")
        struck: list[str] = []
        whole = True
        while not feeder.done and len(struck) < 8:
            fault = chance.choice(FAULTS)
            say(f"round {number}: {fault.name}")
            fault.strike(rig, chance)
            struck.append(fault.name)
            whole = whole and fault.keeps_outbox
            rig.until(lambda: True, WORKERS, 1, "workers are kept")
            time.sleep(chance.uniform(0.5, 4))
        recovery_s = rig.settle(WORKERS, REST_WITHIN_S)
        verdict = rig.judge(outbox_whole=whole)
        return Round(
            number, tuple(struck), recovery_s, feeder.confirmed, feeder.resent_chunks, verdict.redelivered, verdict
        )
