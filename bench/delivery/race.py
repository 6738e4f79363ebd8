"""The race: touchpoints a second of each candidate, and the processor time of candidate, Kafka and Redis meanwhile.

It is measured from the first look that finds applied touchpoints to the last that finds more, so the start does not
count.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from bench.delivery.candidates import Candidate
from bench.delivery.ground import Ground
from bench.delivery.team import Team

LOOK_S: Final = 0.05
START_WITHIN_S: Final = 90.0
# A candidate that prints its progress in steps and adds nothing for so long is done.
QUIET_S: Final = 4.0


class NotMeasuredError(Exception):
    """A candidate did not do its work; the message has the end of its output."""


@dataclass(slots=True)
class Mark:
    """The state of a run at one moment."""

    at_s: float
    applied: int
    cpu_s: dict[str, float]


def look(team: Team, ground: Ground, candidate: Candidate, channel: str) -> tuple[float, int]:
    """(unix seconds, touchpoints applied)."""
    if candidate.in_redis:
        return time.time(), sum(ground.applied_by_partition(channel))
    return team.progress()


def mark(team: Team, ground: Ground, at_s: float, applied: int) -> Mark:
    """A moment with the processor times."""
    return Mark(at_s, applied, {"candidate": team.cpu_s(), **ground.cpu_s()})


def follow(team: Team, ground: Ground, candidate: Candidate, channel: str, total: int, limit_s: float) -> list[Mark]:
    """The first and the last moment of the work; at most `limit_s` of it."""
    started_s = time.time()
    first: Mark | None = None
    last: Mark | None = None
    while True:
        time.sleep(LOOK_S)
        team.check()
        at_s, applied = look(team, ground, candidate, channel)
        if first is None or last is None:
            if applied:
                first = last = mark(team, ground, at_s, applied)
            elif time.time() - started_s > START_WITHIN_S:
                raise NotMeasuredError(f"{candidate.name} applied nothing in {START_WITHIN_S:.0f} s\n{team.words()}")
            continue
        if applied > last.applied:
            last = mark(team, ground, at_s, applied)
        if applied >= total or at_s - first.at_s > limit_s or time.time() - last.at_s > QUIET_S:
            return [first, last]


def race(ground: Ground, candidate: Candidate, channel: str, total: int, limit_s: float) -> dict[str, Any]:
    """One run of one candidate over the topic; its figures."""
    ground.forget()
    with Team(ground.new_directory()) as team:
        candidate.start(team, ground, channel, candidate.processes)
        first, last = follow(team, ground, candidate, channel, total, limit_s)
    seconds, applied = last.at_s - first.at_s, last.applied - first.applied
    if seconds <= 0 or applied <= 0:
        raise NotMeasuredError(f"{candidate.name} was done at the first look: take more touchpoints")
    spent = {who: (last.cpu_s[who] - first.cpu_s[who]) * 1e6 / applied for who in last.cpu_s}
    return {
        "per_s": applied / seconds,
        "seconds": seconds,
        "applied": last.applied,
        "whole": last.applied >= total,
        **{f"cpu_us_{who}": used for who, used in spent.items()},
    }
