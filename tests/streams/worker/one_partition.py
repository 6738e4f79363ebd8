"""A worker with one partition, for the tests of the partition worker."""

import asyncio
from collections.abc import Callable

from streams.worker.partition import PartitionWorker
from streams.worker.transport import FetchedBatch
from tests.flow.harness import WEB, Worker, World
from tests.touchpoints import Record, touchpoint
from tracker.planning.plan import PartitionBatch


class OnePartition(Worker):
    """A worker with one partition, whose batches a test may hold up in step 4."""

    def __init__(self, world: World | None = None, **options) -> None:
        super().__init__(world or World(partitions=1), **options)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0
        read = self.world.store.read

        async def held_up(*args):
            self.reads += 1
            await self.gate.wait()
            return await read(*args)

        self.world.store.read = held_up

    @property
    def partition(self) -> PartitionWorker:
        return self.ownership.partitions[0]

    def delivery(self, *names: str, topic: str = WEB, at: int = 0, epoch: int | None = None) -> FetchedBatch:
        records = [Record(at + place, touchpoint(name)) for place, name in enumerate(names)]
        lease_epoch = self.partition.lease.epoch if epoch is None else epoch
        return FetchedBatch(PartitionBatch(topic, 0, records), lease_epoch, at + len(names))

    def put(self, delivery: FetchedBatch) -> None:
        self.partition.put(delivery, lambda: self.acknowledged.append(delivery))

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def taken(**options) -> OnePartition:
    worker = OnePartition(**options)
    await worker.own(0)
    return worker


def produce(world: World, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        world.produce(WEB, touchpoint(f"c{number}"), to=0)


async def until(condition: Callable[[], object]) -> None:
    """In virtual time: fails by the loop's own bound."""
    while not condition():  # noqa: ASYNC110  # the condition is anything
        await asyncio.sleep(0.01)
