"""The protocol of a store, and the exceptions by which it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final, NamedTuple, Protocol

from tracker.planning.plan import Plan


class Sizes(NamedTuple):
    """How many entries the keys of a partition have that nobody but its owner takes entries from."""

    states: int = 0
    aggregates: int = 0
    offsets: int = 0
    timers: int = 0
    days: int = 0
    suppressed: int = 0

    def lacking(self, least: "Sizes") -> str:
        """Which keys have fewer entries than they must have, in words; empty where none has."""
        fewer = [
            f"{name} has {found} entries of {wanted}"
            for name, found, wanted in zip(self._fields, self, least, strict=True)
            if found < wanted
        ]
        return ", ".join(fewer)

    def sealed(self, writes: int) -> str:
        """What is stored of them, with the number of the write after which they hold."""
        return " ".join(map(str, (writes, *self)))


def damage(sizes: Sizes, seal: str, writes: int) -> str:
    """What a partition lacks by its seal; empty where nothing, or where a version without seals has written since."""
    counted_writes, *least = map(int, seal.split()) if seal else (-1,)
    return sizes.lacking(Sizes(*least)) if counted_writes == writes else ""


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
    generations: tuple[str, ...] = ()
    """The name that the partition got when it was taken, and before it those of the takes that preceded, newest first.

    Every take has a random name. Epochs alone would not do: in a store that was emptied or restored they begin again,
    so that a worker of before could hold the very epoch of the present owner.
    """
    sizes: Sizes | None = None
    """What the keys must hold at least; None where that is not known, after an answer was lost."""
    damage: str = ""
    """What the keys lacked when the partition was taken, in words."""
    revision: int = 0
    """The partition's marker: the revision of the definitions by which it is written."""
    left: int = 0
    """How many states nobody has looked at since the marker moved; they may be of an earlier definition. Once all were
    looked at: those that could not be migrated."""
    published: dict[str, int] = field(default_factory=dict)
    """By topic, the offset before which all that follows from its records was published before; by `DROPPED`, the
    moment (ms) before which drop-offs were."""

    topics: dict[str, str] = field(default_factory=dict)
    """As `Keys.topics`."""
    stuck: int = 0
    """How many states of those that were looked at could not be migrated."""

    def anew(self, ids: Mapping[str, str]) -> set[str]:
        """The topics that are others than those of which the offsets are; `ids` are the present ones by topic.

        An id that was there before the stored one comes from a broker that does not know of the change yet.
        """
        return {
            topic
            for topic, now in ids.items()
            if now and self.topics.get(topic, now) != now and self.topics.get(BEFORE + topic, "").split(" ")[0] != now
        }

    def moved_on(self, offsets: Mapping[str, int], plan: Plan, sequence: int) -> None:
        """A write is done."""
        self.suppressed.update(plan.suppressed)
        self.offsets.update(offsets)
        for field_name in plan.forgotten:
            self.offsets.pop(field_name, None)
        self.sequence = sequence
        self.writes += 1

    @property
    def generation(self) -> str:
        """The name of this lease's own take."""
        return self.generations[0] if self.generations else ""

    def require(self, epoch: int, generations: Sequence[str], writes: int, revision: int) -> None:
        """Return when the partition stands where the lease believes. Raises `Fenced` or `Lost`.

        `epoch` and `revision` are 0 and `generations` empty where the store holds nothing of the partition.
        """
        newest = generations[0] if generations else ""
        if epoch > self.epoch:
            raise Fenced(f"partition {self.partition}: epoch {epoch} is newer than {self.epoch}")
        if newest and newest not in self.generations:
            raise Fenced(f"partition {self.partition}: generation {newest} has taken it, after the store was set back")
        if epoch < self.epoch or newest != self.generation:
            raise Lost(f"partition {self.partition}: epoch {self.epoch} is gone")
        if writes != self.writes:
            raise Lost(f"partition {self.partition}: {writes} writes are there, not {self.writes}")
        if revision != self.revision:
            raise Lost(f"partition {self.partition}: definitions are at revision {revision}, not {self.revision}")

    def require_whole(self, sizes: Sizes) -> None:
        """Return when no key has fewer entries than the lease has seen. Raises `Damaged`."""
        if self.sizes is not None and (lacking := sizes.lacking(self.sizes)):
            raise Damaged(f"partition {self.partition}: {lacking}")
        self.sizes = sizes


MOST_GENERATIONS: Final = 4
"""Takes that a partition remembers. One would do but for answers that are lost: then the take is done once more."""


DROPPED: Final = "dropped"
BEFORE: Final = "before "
"""Before a topic in `Keys.topics`."""


def new_generation() -> str:
    """A name that no take has had."""
    return token_hex(8)


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


class Damaged(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """A key of the partition is gone, or entries of it: the partition must be built again from Kafka."""


class Unavailable(Exception):  # noqa: N818  # a state of the store, not an error of our code
    """The store does not answer, or cannot take writes now. The call may or may not have had its effect."""


class Store(Protocol):
    """Holds states, aggregates, timers, outbox and offsets, by partition. Every call may raise `Unavailable`."""

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        """The partition under the next epoch, at least `floor_epoch`, and a new generation; older holders are fenced.

        `floor_epoch` keeps the epochs of one process apart from each other where the store was emptied between them.
        """

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

        `fired` are the timers that the plan answers; they are removed. Raises `Fenced`, `Lost` or `Damaged`. On success
        the lease's offsets, sequence, writes, sizes and erased names are updated.
        """

    async def mark(self, lease: Lease, revision: int, left: int) -> None:
        """Move the partition's marker: from now on it is written by this revision of the definitions.

        `left`: how many states are still to be looked at. If another owner has taken the partition, nothing
        happens, and the next write is refused.
        """

    async def scan(self, partition: int, cursor: int, count: int) -> tuple[int, dict[str, bytes]]:
        """About `count` records by customer, and where to go on; 0 at the end.

        A record that is there from the first call to the last is returned at least once.
        """

    async def stand(self, lease: Lease, standstill: bytes) -> None:
        """Note where the partition stands still. If another owner has taken the partition, nothing happens."""

    async def standing(self, partition: int, prefix: str) -> bytes | None:
        """Where the partition of the build with this prefix stands still."""

    async def adopt(self, lease: Lease, prefix: str) -> None:
        """Keep out the names that are erased in the build with this prefix; the lease is updated."""

    async def verify(self, lease: Lease) -> None:
        """Return when the store agrees with the lease. Raises `Fenced`, `Lost` or `Damaged`.

        An owner that agrees leaves a trace of its look, for `streams/stores/attendance.py`.
        """

    async def rebuild(self, lease: Lease) -> None:
        """Remove what can be read from Kafka again: states, figures, timers and offsets. Take the partition anew then.

        The outbox stays, since Kafka may not have it, and so do the digests of erased names. If another owner has taken
        the partition, nothing happens.
        """

    async def note_published(self, lease: Lease, published: Mapping[str, int]) -> None:
        """Remember before what everything was published, as in `Lease.published`; the lease is updated."""

    async def note_topics(self, lease: Lease, topics: Mapping[str, str], offsets: Mapping[str, int]) -> None:
        """Remember fields of `Keys.topics`, and fields of the offsets that follow from them, in one write.

        The lease is updated. If another owner has taken the partition, nothing happens in the store.
        """

    async def trim(self, lease: Lease, sequence: int) -> None:
        """Empty the outbox, if its newest blob was applied with this sequence; otherwise do nothing."""

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        """Customers whose timer is due: those of a day that has begun, else those of the sorted set, oldest first.

        Raises `Damaged` if the list of such a day is gone.
        """

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        """Record that Kafka no longer had the offsets from `first` to before `end`; `tracker doctor` reports it."""

    async def close(self) -> None:
        """Close the connections."""
