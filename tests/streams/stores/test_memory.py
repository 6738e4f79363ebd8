import asyncio
import copy

import pytest

from streams.stores.memory import Held, MemoryStore
from tests.streams.stores.contract import Rig, StoreContract


class MemoryRig:
    """A store in memory, the same for all scenarios of a test."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def run(self, scenario):
        return asyncio.run(scenario(self.store))

    def held(self, partition: int) -> Held:
        return copy.deepcopy(self.store.held(partition))

    def save(self):
        return copy.deepcopy(self.store.partitions)

    def restore(self, saved) -> None:
        self.store.partitions = saved

    def wipe(self) -> None:
        self.store.partitions.clear()


class TestMemoryStore(StoreContract):
    """The store in memory keeps the contract."""

    @pytest.fixture
    def rig(self) -> Rig:
        return MemoryRig()
