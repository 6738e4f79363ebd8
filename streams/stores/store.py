"""The protocol of a store, and the exceptions by which it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.planning.plan import Plan


@dataclass(slots=True)
class Lease:
    """The fenced right to write a partition. The store checks each write against its epoch and its count of writes."""

    partition: int
    epoch: int
    offsets: dict[str, int]
    """By topic, the next offset to apply; also the other fields of `Keys.offsets`."""
    sequence: int
    """How many messages were ever put into the outbox."""
    outbox: list[bytes]
    """Blobs that Kafka may not have yet, oldest first."""
    writes: int
    """How many writes the partition has seen. Another number in the store shows that it has gone back in time."""
    suppressed: set[bytes] = field(default_factory=set)
    """Digests of erased names."""


@dataclass(frozen=True, slots=True)
class Due:
    """Customers whose timer is due, and where their timers are stored."""

    customers: list[str]
    day: int | None = None
    """The day at the head of whose list they are; None: they are in the sorted set."""


class Fenced(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """Another owner holds a newer epoch: the receiver must stop writing."""


class Lost(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """The store has lost writes: the records that they applied must be read from Kafka again."""


class Unavailable(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """The store does not answer, or cannot take writes now. The call may or may not have had its effect."""


class Store(Protocol):
    """Holds states, aggregates, timers, outbox and offsets, by partition. Every call may raise `Unavailable`."""

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        """The partition under a new epoch of at least `floor_epoch`; older holders are fenced from here on."""

    async def read(self, partition: int, customers: Sequence[str]) -> list[bytes | None]:
        """The records of customers, in the order asked; None where there is none."""

    async def apply(
        self,
        lease: Lease,
        offsets: Mapping[str, int],
        plan: Plan,
        blob: bytes,
        sequence: int,
        fired: Due | None = None,
    ) -> None:
        """Write all of a plan, or nothing. A second call with the same arguments changes nothing.

        `fired` are the timers that the plan answers; they are removed. Raises `Fenced` or `Lost`. On success the
        lease's offsets, sequence, writes and erased names are updated.
        """

    async def verify(self, lease: Lease) -> None:
        """Return when the store agrees with the lease. Raises `Fenced` or `Lost`."""

    async def trim(self, lease: Lease, sequence: int) -> None:
        """Empty the outbox, if its newest blob was applied with this sequence; otherwise do nothing."""

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        """Customers whose timer is due: those of a day that has begun, else those of the sorted set, oldest first."""

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        """Record that Kafka no longer had the offsets from `first` to before `end`; `tracker doctor` reports it."""

    async def close(self) -> None:
        """Close the connections."""
