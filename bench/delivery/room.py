"""Memory: bytes of Redis for each customer, and the memory of a worker with a million customers."""

import time
from statistics import mean
from typing import Any, Final

from bench.delivery.candidates import NAMES
from bench.delivery.ground import Ground
from bench.delivery.race import NotMeasuredError, follow
from bench.delivery.stage import Places, customer, walk
from bench.delivery.team import Team, memory_bytes
from streams.stores.keys import day_list, keys

LIMIT_S: Final = 900.0
SAMPLE: Final = 1000


def room(ground: Ground, channel: str, customers: int, touchpoints: int) -> dict[str, Any]:
    """Fill a channel with so many customers of so many touchpoints each, and let one worker apply them."""
    begin_ms = int(time.time() * 1000) - customers * touchpoints - 60_000
    total = ground.fill(channel, walk(customers, touchpoints, begin_ms, channel=channel))
    ground.forget()
    empty = ground.redis_bytes()
    candidate = NAMES["tracker-1"]
    with Team(ground.new_directory()) as team:
        candidate.start(team, ground, channel, 1)
        first, last = follow(team, ground, candidate, channel, total, LIMIT_S)
        if last.applied < total:
            raise NotMeasuredError(f"{last.applied} of {total} were applied\n{team.words()}")
        # The outbox of the last batches is trimmed a moment later.
        time.sleep(2.0)
        pid = team.members[0].pid
        return {
            "redis_bytes": (ground.redis_bytes() - empty) / customers,
            "record_bytes": _record_bytes(ground, customers),
            "states_bytes": _held(ground, "states") / customers,
            "timers_bytes": (_held(ground, "timers") + _listed(ground)) / customers,
            "worker_mib": memory_bytes(pid) / 2**20,
            "worker_most_mib": memory_bytes(pid, "VmHWM") / 2**20,
            "per_s": (last.applied - first.applied) / (last.at_s - first.at_s),
        }


def _record_bytes(ground: Ground, customers: int) -> float:
    """Mean length of a customer's record, of some of them."""
    places = Places(ground.partitions)
    pipe = ground.redis.pipeline(transaction=False)
    for person in range(0, customers, max(1, customers // SAMPLE)):
        pipe.hstrlen(keys(places.of(person)[0]).states, customer(person))
    return mean(pipe.execute())


def _held(ground: Ground, name: str) -> int:
    """Bytes that Redis estimates for one kind of key in all partitions."""
    pipe = ground.redis.pipeline(transaction=False)
    for partition in range(ground.partitions):
        pipe.memory_usage(getattr(keys(partition), name), samples=SAMPLE)
    return sum(held or 0 for held in pipe.execute())


def _listed(ground: Ground) -> int:
    """Bytes that Redis estimates for the timers that wait in lists."""
    pipe = ground.redis.pipeline(transaction=False)
    for partition in range(ground.partitions):
        days = keys(partition).days
        for day in ground.redis.hkeys(days):
            pipe.memory_usage(day_list(days, int(day)), samples=SAMPLE)
    return sum(held or 0 for held in pipe.execute())
