"""The watchdog: it ends a process in which records wait and none are applied.

Faust's streams and aiokafka's fetcher can stop without an error (docs/reliability.md); a new process recovers.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from aiokafka.errors import KafkaError

from streams.worker.metrics import WorkerMetrics
from streams.worker.partition import PartitionReader, PartitionWorker

LOOKS: Final = 4
"""How many times it looks within the time after which a worker counts as stalled."""


class Watchdog:
    """Checks at intervals whether records wait while none are applied."""

    def __init__(
        self,
        partitions: Mapping[int, PartitionWorker],
        topics: tuple[str, ...],
        reader: PartitionReader,
        metrics: WorkerMetrics,
        stall_after_s: float,
        stalled: Callable[[str], None],
    ) -> None:
        self._partitions = partitions
        self._topics = topics
        self._reader = reader
        self._metrics = metrics
        self._stall_after_s = stall_after_s
        self._stalled = stalled
        self.waiting = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._stall_after_s / LOOKS)
            await self.look()

    async def look(self) -> None:
        """Count the waiting records; report a stall when none were applied for `stall_after_s`."""
        try:
            self.waiting = await self._count()
        except (KafkaError, OSError, TimeoutError):
            # Kafka does not answer: nothing can be applied, and a new process would fare no better.
            self._metrics.progressing()
            return
        if self.waiting == 0 or self._metrics.away:
            self._metrics.progressing()
        elif self.is_stalled:
            self._stalled(f"{self.waiting} records wait and nothing was applied for {self._idle_s:.0f} s")

    @property
    def is_stalled(self) -> bool:
        """Whether records wait and nothing has been applied for too long."""
        return self.waiting > 0 and self._idle_s > self._stall_after_s

    @property
    def _idle_s(self) -> float:
        return monotonic() - self._metrics.last_applied_s

    async def _count(self) -> int:
        """The records behind the applied offsets, over all partitions owned; sets the lag of each."""
        waiting = 0
        for partition, worker in list(self._partitions.items()):
            bounds = await self._reader.bounds(self._topics, partition)
            offsets = worker.lease.offsets if worker.lease else {}
            for topic, bound in bounds.items():
                applied = offsets.get(topic, 0)
                done = max(applied, bound.first)
                readable, records = max(0, bound.stable - done), max(0, bound.end - done)
                if readable and self._reader.is_at_end(topic, partition, applied):
                    readable = 0
                # What an open transaction holds back is behind, but nothing that this worker could apply.
                self._metrics.lag(partition, topic, records if bound.stable < bound.end else readable)
                waiting += readable
        return waiting
