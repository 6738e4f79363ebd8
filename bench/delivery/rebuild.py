"""The rebuild: Redis loses everything under running workers; how fast they rebuild it from Kafka."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from bench.delivery.candidates import NAMES, tracker
from bench.delivery.ground import Ground
from bench.delivery.race import LOOK_S, follow
from bench.delivery.stage import Event, Places, load, value
from bench.delivery.team import Team

LIMIT_S: Final = 600.0
NOTICE_WITHIN_S: Final = 60.0


def rebuild(ground: Ground, channel: str, total: int, processes: int) -> dict[str, Any]:
    """Apply all, empty Redis, send one touchpoint a partition, wait until all is applied again."""
    ground.forget()
    candidate = NAMES[f"tracker-{processes}"]
    with Team(ground.new_directory()) as team:
        tracker(team, ground, channel, processes)
        follow(team, ground, candidate, channel, total, LIMIT_S)
        time.sleep(2.0)
        ground.redis.flushall()
        flushed_s = time.time()
        # A worker notices the loss at its next write; a live stream brings one at once.
        sent = asyncio.run(
            load(ground.bootstrap, f"touchpoints.{channel}", ground.partitions, _one_each(ground, channel))
        )
        while not sum(ground.applied_by_partition(channel)):
            time.sleep(LOOK_S)
            team.check()
            if time.time() - flushed_s > NOTICE_WITHIN_S:
                return {"noticed": False}
        _, last = follow(team, ground, candidate, channel, total + sent, LIMIT_S)
    return {
        "noticed": True,
        "seconds": last.at_s - flushed_s,
        "per_s": last.applied / (last.at_s - flushed_s),
        "whole": last.applied >= total + sent,
    }


def _one_each(ground: Ground, channel: str) -> Iterator[Event]:
    """A touchpoint for each partition."""
    places, wanted, person = Places(ground.partitions), set(range(ground.partitions)), 0
    now_ms = int(time.time() * 1000)
    while wanted:
        partition, _ = places.of(person)
        if partition in wanted:
            wanted.remove(partition)
            yield person, value(person, 0, person, now_ms, channel=channel, seed=now_ms)
        person += 1
