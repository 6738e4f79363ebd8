"""The watch over the topics: whether any was created anew, or got more partitions, while the process runs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka.errors import KafkaError

from streams.worker.ownership import other_partitions
from streams.worker.partition import PartitionReader, PartitionWorker

LOOK_EVERY_S: Final = 2.0
"""One small request a process. Records of a topic created anew that are read meanwhile are read once more."""


class TopicWatch:
    """Asks Kafka for the topics at intervals. `failed` ends the process."""

    def __init__(
        self,
        partitions: Mapping[int, PartitionWorker],
        topics: tuple[str, ...],
        wanted: int,
        reader: PartitionReader,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._partitions = partitions
        self._topics = topics
        self._wanted = wanted
        self._reader = reader
        self._failed = failed

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Pass the ids on to the partitions; end the process where a topic has another number of partitions."""
        try:
            found = await self._reader.facts(self._topics)
        except (KafkaError, OSError, TimeoutError):
            # Kafka does not answer: the next look may.
            return
        others = {topic: facts.partitions for topic, facts in found.items() if facts.partitions != self._wanted}
        if others:
            self._failed(other_partitions(others, self._wanted))
            return
        ids = {topic: facts.id for topic, facts in found.items()}
        for worker in list(self._partitions.values()):
            worker.compare(ids)
