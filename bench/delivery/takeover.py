"""Takeover: seconds from the kill of one of two workers until all of its partitions are applied again."""

import random
import time
from typing import Any, Final

from bench.delivery.candidates import tracker
from bench.delivery.ground import Ground
from bench.delivery.latency import start_pacer, wait_for
from bench.delivery.race import NotMeasuredError
from bench.delivery.team import Team

RATE: Final = 2000.0
CUSTOMERS: Final = 20_000
LOOK_S: Final = 0.05
# At this rate an owned partition advances many times in such a time; one that does not has no owner.
STILL_S: Final = 2.0
SETTLE_S: Final = 8.0
WITHIN_S: Final = 90.0


def takeover(ground: Ground, channel: str) -> dict[str, Any]:
    """One kill of one of two workers at a steady rate."""
    ground.forget()
    ground.create(channel)
    with Team(ground.new_directory()) as pacers, Team(ground.new_directory()) as team:
        tracker(team, ground, channel, 2)
        start_pacer(pacers, ground, channel, RATE, CUSTOMERS)
        wait_for(ground, team, channel)
        time.sleep(SETTLE_S)
        victim = random.Random(time.time_ns()).choice(team.members)
        victim.kill()
        killed_s = time.monotonic()
        victim.wait()
        team.members.remove(victim)
        if victim.stdin:
            victim.stdin.close()
        back = _watch(ground, team, channel, killed_s)
    return {"seconds": max(back.values()), "first_s": min(back.values()), "partitions": len(back)}


def _watch(ground: Ground, team: Team, channel: str, killed_s: float) -> dict[int, float]:
    """Seconds after the kill at which each partition that had stood still moved again."""
    offsets = ground.applied_by_partition(channel)
    moved_s = [killed_s] * len(offsets)
    back: dict[int, float] = {}
    while True:
        time.sleep(LOOK_S)
        team.check()
        now_s, found = time.monotonic(), ground.applied_by_partition(channel)
        for partition, offset in enumerate(found):
            if offset != offsets[partition]:
                if now_s - moved_s[partition] > STILL_S:
                    back.setdefault(partition, now_s - killed_s)
                moved_s[partition] = now_s
        offsets = found
        if back and all(now_s - moment < STILL_S for moment in moved_s) and now_s - killed_s > 2 * STILL_S:
            return back
        if now_s - killed_s > WITHIN_S:
            raise NotMeasuredError(f"the partitions did not move on within {WITHIN_S:.0f} s\n{team.words()}")
