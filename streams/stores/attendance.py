"""Attendance: when the owner of each partition last looked after it, as Redis alone tells.

An owner checks its partitions once a second (`verify.lua`), also while there is nothing to apply. That leaves a key
that expires. The time that is left of it says how long ago the last look was, by one clock: that of the Redis which
holds it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streams.stores.keys import PREFIX, keys

KEPT_MS: Final = 7 * 86_400_000
"""A partition that nobody has looked after for so long is as one that nobody ever did."""
NOTED_EVERY_MS: Final = 5000
"""A look is noted when the last note is so old: a write a second would tell nothing more."""
UNDISTURBED_S: Final = 20.0
"""How long one batch of a busy process may keep a partition from its next look, with its writes in between unseen."""
MANY: Final = 10


@dataclass(frozen=True, slots=True)
class Attendance:
    """What a partition's keys tell of its owner."""

    partition: int
    looked_s_ago: float | None
    """Seconds since the last look; None where there was none in the last week."""
    writes: int
    """How many writes the partition has seen; 0 where it was never written."""
    is_taken: bool
    """Whether any worker has ever taken it."""


def patience_s(session_timeout_s: float) -> float:
    """How long a partition may be without a look before nobody looks after it.

    Kafka gives the partitions of a worker that was killed to others after the session time-out. What is added covers
    the rebalance, the interval of the notes, and a large batch.
    """
    return session_timeout_s + UNDISTURBED_S


def attendance(client: Any, partitions: int, prefix: str = PREFIX) -> list[Attendance]:
    """The attendance of all partitions, in one round trip, through a blocking client (single or Cluster)."""
    with client.pipeline(transaction=False) as pipe:
        for partition in range(partitions):
            names = keys(partition, prefix)
            pipe.pttl(names.attended)
            pipe.get(names.writes)
            pipe.get(names.epoch)
        replies = pipe.execute()
    return [
        Attendance(partition, _age_s(left_ms), int(writes or 0), epoch is not None)
        for partition, (left_ms, writes, epoch) in enumerate(
            zip(replies[::3], replies[1::3], replies[2::3], strict=True)
        )
    ]


def _age_s(left_ms: int) -> float | None:
    return None if left_ms < 0 else max(0, KEPT_MS - left_ms) / 1000


def spans(partitions: Iterable[int]) -> str:
    """Partition numbers as people write them, `0-3, 7`; of very many the first."""
    runs: list[list[int]] = []
    for number in sorted(partitions):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(shown[:MANY]) + (", …" if len(shown) > MANY else "")


def named(partitions: Iterable[int]) -> str:
    """Partitions as a message names them: `partition 4`, `partitions 0-3, 7`."""
    numbers = list(partitions)
    return f"partition{'s' * (len(numbers) != 1)} {spans(numbers)}"


def quiet_s(found: Sequence[Attendance]) -> float | None:
    """Seconds since any partition was looked after; None where none was in the last week."""
    return min((one.looked_s_ago for one in found if one.looked_s_ago is not None), default=None)
