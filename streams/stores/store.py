"""The protocol of a store, and what it says when it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.planning.plan import Plan


@dataclass(slots=True)
class Lease:
    """The fenced right to write a partition: what the next write is checked against, and who is kept out."""

    partition: int
    epoch: int
    offsets: dict[str, int]
    """By topic, the next offset to apply."""
    sequence: int
    """Messages ever put into the outbox."""
    outbox: list[bytes]
    """Blobs that Kafka may not have yet, oldest first."""
    writes: int
    """Writes that the partition has ever seen; tells a store that has gone back in time from one that has not."""
    suppressed: set[bytes] = field(default_factory=set)
    """Digests of erased names."""


@dataclass(frozen=True, slots=True)
class Due:
    """Customers whose timer is due, and where their timers stand."""

    customers: list[str]
    day: int | None = None
    """The day whose list they head; None: they are of the sorted set."""


class Fenced(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """Another owner holds a newer epoch: whoever gets this must stop writing."""


class Lost(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """The store has forgotten writes: what was applied since must be read from Kafka again."""


class Unavailable(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """The store does not answer, or cannot take writes now; the call may have had its effect or not."""


class Store(Protocol):
    """Holds states, aggregates, timers, outbox and offsets, by partition. Every call may raise `Unavailable`."""

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        """The partition under a new epoch of at least `floor_epoch`; older holders are fenced from here on."""

    async def read(self, partition: int, customers: Sequence[str]) -> list[bytes | None]:
        """The records of customers, in their order."""

    async def apply(
        self,
        lease: Lease,
        offsets: Mapping[str, int],
        plan: Plan,
        blob: bytes,
        sequence: int,
        fired: Due | None = None,
    ) -> None:
        """Write all of a plan, or nothing; the second call with the same arguments changes nothing.

        `fired` are the timers that the plan is the answer to: they are taken away. Raises `Fenced` or `Lost`. On
        success the lease's offset, sequence, writes and erased names have moved on.
        """

    async def verify(self, lease: Lease) -> None:
        """Return when the store stands where the lease believes. Raises `Fenced` or `Lost`."""

    async def trim(self, lease: Lease, sequence: int) -> None:
        """Empty the outbox, if its newest blob is the one that was applied with this sequence; else do nothing."""

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        """Customers whose timer is due: those of a day that has begun, else the most overdue first."""

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        """Remember that Kafka no longer had the offsets from `first` to before `end`; `tracker doctor` tells it."""

    async def close(self) -> None:
        """Let go of connections."""
