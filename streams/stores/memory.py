"""The store in memory: the same protocol as Redis, for tests and trials in one process."""
# ruff: noqa: D102  # `Store` says what each method does

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.stores.keys import PREFIX
from streams.stores.store import MOST_GENERATIONS, Due, Lease, Sizes, damage, new_generation
from tracker.planning.plan import Plan
from tracker.records.timer import DAY_MS, day_of


@dataclass(slots=True)
class Held:
    """What Redis holds of one partition."""

    epoch: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    aggregates: dict[str, int] = field(default_factory=dict)
    timers: dict[str, int] = field(default_factory=dict)
    days: dict[int, list[str]] = field(default_factory=dict)
    outbox: list[bytes] = field(default_factory=list)
    sequence: int = 0
    writes: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    suppressed: set[bytes] = field(default_factory=set)
    generations: tuple[str, ...] = field(default=(), compare=False)
    """Names of the last takes, newest first; they are random, so two partitions that hold the same differ in them."""
    revision: int = 0
    left: int = 0
    standstill: bytes | None = None
    published: dict[str, int] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    sizes: str = field(default="", compare=False)
    """The seal of the last write."""
    attended: str = field(default="", compare=False)
    """The generation of the owner that looked last."""

    def counted(self) -> Sizes:
        """How many entries there are."""
        return Sizes(*(len(getattr(self, name)) for name in Sizes._fields))


class MemoryStore:
    """Implements `streams.stores.store.Store`; tests may look into `partitions`."""

    def __init__(self) -> None:
        self.partitions: dict[int, Held] = {}
        self.builds: dict[str, MemoryStore] = {PREFIX: self}
        """By prefix, the stores of all builds."""

    def held(self, partition: int) -> Held:
        """What is held of a partition; a new partition is empty."""
        return self.partitions.setdefault(partition, Held())

    async def take(self, partition: int, floor_epoch: int) -> Lease:
        held = self.held(partition)
        held.epoch = max(held.epoch + 1, floor_epoch)
        held.generations = (new_generation(), *held.generations)[:MOST_GENERATIONS]
        offsets, outbox, suppressed = dict(held.offsets), list(held.outbox), set(held.suppressed)
        return Lease(
            partition, held.epoch, offsets, held.sequence, outbox, held.writes, suppressed, held.generations,
            held.counted(), damage(held.counted(), held.sizes, held.writes), held.revision, held.left,
            dict(held.published), dict(held.topics),
        )  # fmt: skip

    async def read(self, partition: int, customers: Sequence[str]) -> list[bytes | None]:
        states = self.held(partition).states
        return [states.get(customer) for customer in customers]

    async def apply(
        self,
        lease: Lease,
        offsets: Mapping[str, int],
        plan: Plan,
        blob: bytes,
        sequence: int,
        fired: Due | None = None,
    ) -> None:
        held = self.held(lease.partition)
        is_in = held.writes == lease.writes + 1 and offsets.items() <= held.offsets.items()
        lease.require(held.epoch, held.generations, lease.writes if is_in else held.writes, held.revision)
        if not is_in:
            lease.require_whole(held.counted())
            self._write(held, offsets, plan, blob, sequence)
            self._set_timers(held, plan.timers, fired)
            self._remove(held, plan.removed)
            held.suppressed.update(plan.suppressed)
            held.sizes = held.counted().sealed(held.writes)
        lease.sizes = held.counted()
        lease.moved_on(offsets, plan, sequence)

    @staticmethod
    def _write(held: Held, offsets: Mapping[str, int], plan: Plan, blob: bytes, sequence: int) -> None:
        held.writes += 1
        held.offsets.update(offsets)
        for name in plan.forgotten:
            held.offsets.pop(name, None)
        held.states.update(plan.states)
        for name, difference in plan.aggregates.items():
            held.aggregates[name] = held.aggregates.get(name, 0) + difference
            if not held.aggregates[name]:
                del held.aggregates[name]
        if blob:
            held.outbox.append(blob)
            held.sequence = sequence

    @staticmethod
    def _set_timers(held: Held, timers: Mapping[str, int], fired: Due | None) -> None:
        if fired is not None and fired.day is not None:
            del held.days[fired.day][: len(fired.customers)]
            if not held.days[fired.day]:
                del held.days[fired.day]
        elif fired is not None:
            for customer in fired.customers:
                held.timers.pop(customer, None)
        for customer, at_ms in timers.items():
            day = day_of(at_ms)
            if day is None:
                held.timers[customer] = at_ms
            else:
                held.days.setdefault(day, []).append(customer)

    @staticmethod
    def _remove(held: Held, names: Sequence[str]) -> None:
        for name in names:
            held.states.pop(name, None)
            held.timers.pop(name, None)
        if names:
            left = {day: [name for name in listed if name not in names] for day, listed in held.days.items()}
            held.days = {day: listed for day, listed in left.items() if listed}

    async def mark(self, lease: Lease, revision: int, left: int) -> None:
        held = self.held(lease.partition)
        if held.epoch == lease.epoch and held.generations[:1] == lease.generations[:1]:
            held.revision, held.left = revision, left
            lease.revision, lease.left = revision, left

    async def scan(self, partition: int, cursor: int, count: int) -> tuple[int, dict[str, bytes]]:
        states = list(self.held(partition).states.items())
        after = cursor + count
        return after if after < len(states) else 0, dict(states[cursor:after])

    async def stand(self, lease: Lease, standstill: bytes) -> None:
        held = self.held(lease.partition)
        if held.epoch == lease.epoch and held.generations[:1] == lease.generations[:1]:
            held.standstill = standstill

    async def standing(self, partition: int, prefix: str) -> bytes | None:
        return self.builds[prefix].held(partition).standstill

    async def adopt(self, lease: Lease, prefix: str) -> None:
        held = self.held(lease.partition)
        held.suppressed |= self.builds[prefix].held(lease.partition).suppressed
        lease.suppressed, lease.sizes = set(held.suppressed), None

    async def verify(self, lease: Lease) -> None:
        held = self.held(lease.partition)
        lease.require(held.epoch, held.generations, held.writes, held.revision)
        held.attended = lease.generation
        lease.require_whole(held.counted())

    async def rebuild(self, lease: Lease) -> None:
        held = self.held(lease.partition)
        if held.epoch == lease.epoch and held.generations[:1] == lease.generations[:1]:
            for emptied in (held.states, held.aggregates, held.timers, held.days, held.offsets):
                emptied.clear()
            held.sizes = ""
            held.writes += 2

    async def note_published(self, lease: Lease, published: Mapping[str, int]) -> None:
        self.held(lease.partition).published.update(published)
        lease.published.update(published)

    async def note_topics(self, lease: Lease, topics: Mapping[str, str], offsets: Mapping[str, int]) -> None:
        held = self.held(lease.partition)
        if held.epoch == lease.epoch and held.generations[:1] == lease.generations[:1]:
            held.topics.update(topics)
            held.offsets.update(offsets)
        lease.topics.update(topics)
        lease.offsets.update(offsets)

    async def trim(self, lease: Lease, sequence: int) -> None:
        held = self.held(lease.partition)
        is_owner = held.epoch == lease.epoch and held.generations[:1] == lease.generations[:1]
        if is_owner and held.sequence == sequence:
            held.outbox.clear()

    async def due(self, partition: int, now_ms: int, limit: int) -> Due:
        held = self.held(partition)
        for day in sorted(held.days):
            if day * DAY_MS <= now_ms:
                return Due(held.days[day][:limit], day)
        timers = held.timers
        due = sorted((customer for customer, at_ms in timers.items() if at_ms <= now_ms), key=timers.__getitem__)
        return Due(due[:limit])

    async def miss(self, partition: int, topic: str, first: int, end: int) -> None:
        self.held(partition).missing[f"{topic}:{first}"] = end

    async def close(self) -> None:
        """Nothing to let go of."""
