"""An owner of a partition for the tests of the commit: a commit with its parts, and a store whose calls fail."""

import copy
from collections.abc import Callable

from streams.clients.publisher import MemoryPublisher
from streams.stores.memory import MemoryStore
from streams.stores.store import Lease, Unavailable
from streams.worker.cache import Cache
from streams.worker.commit import Commit
from streams.worker.metrics import WorkerMetrics
from tests.flow.harness import WEB, definition
from tests.one_planner import OnePlanner
from tests.touchpoints import START_MS, Record, touchpoint
from tracker.engine.customer import CustomerFold
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner

NOW_MS = START_MS + 1_000


class Flaky(MemoryStore):
    """A store in memory whose named calls fail: before their work (`-1`) or after it, their answer lost (`+1`)."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, list[int]] = {}
        self.calls: list[str] = []

    async def _call(self, name, call, *args):
        self.calls.append(name)
        failures = self.failures.get(name, [])
        when = failures.pop(0) if failures else 0
        if when < 0:
            raise Unavailable("down")
        # A caller without an answer keeps the lease that it had: the call works on a copy.
        given = [copy.deepcopy(part) if when and isinstance(part, Lease) else part for part in args]
        answer = await call(*given)
        if when > 0:
            raise Unavailable("the answer is lost")
        return answer

    async def take(self, *args):
        return await self._call("take", super().take, *args)

    async def read(self, *args):
        return await self._call("read", super().read, *args)

    async def apply(self, *args):
        return await self._call("apply", super().apply, *args)

    async def trim(self, *args):
        return await self._call("trim", super().trim, *args)

    async def due(self, *args):
        return await self._call("due", super().due, *args)


class Owner:
    """A commit with all that it needs, on a store that may be another's too."""

    def __init__(self, store: MemoryStore, after_step: Callable[[int], None] = lambda _step: None) -> None:
        self.store = store
        self.publisher = MemoryPublisher()
        self.cache = Cache(1_000_000)
        self.metrics = WorkerMetrics()
        self.steps: list[int] = []

        def reached(step: int) -> None:
            self.steps.append(step)
            after_step(step)

        planner = Planner(CustomerFold([definition()]), partitions=1)
        self.commit = Commit(OnePlanner(planner), store, self.publisher, self.cache, self.metrics, reached)

    async def take(self):
        self.lease = await self.commit.take(0)
        return self.lease

    async def batch(self, *names: str, topic: str = WEB, at: int = 0):
        return await self.commit.batch(self.lease, [of(*names, topic=topic, at=at)], NOW_MS, NOW_MS)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def of(*names: str, topic: str = WEB, at: int = 0) -> PartitionBatch:
    """One first visit each, from an offset on."""
    return PartitionBatch(topic, 0, [Record(at + place, touchpoint(name)) for place, name in enumerate(names)])


def numbers(*owners: Owner) -> list[tuple[int, int, int, bytes]]:
    """Everything published by these, repeats and all, as (partition, epoch, sequence, value)."""
    return [
        (batch.partition, batch.epoch, sequence, message.value)
        for owner in owners
        for batch in owner.publisher.batches
        for sequence, message in enumerate(batch.messages, batch.first_sequence)
    ]


async def plain() -> MemoryStore:
    """The store after one batch of two customers without any fault."""
    owner = Owner(MemoryStore())
    await owner.take()
    await owner.batch("ann", "bob")
    return owner.store


def same(one: MemoryStore, other: MemoryStore) -> bool:
    """Equal but for the epoch."""
    mine, theirs = one.held(0), other.held(0)
    names = ("offsets", "states", "aggregates", "timers", "days", "outbox", "sequence", "writes")
    return all(getattr(mine, name) == getattr(theirs, name) for name in names)
