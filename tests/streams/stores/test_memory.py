import asyncio
import copy

import pytest

from streams.stores.keys import PREFIX
from streams.stores.memory import Held, MemoryStore
from tests.streams.stores.build_contract import BuildContract
from tests.streams.stores.contract import Rig, StoreContract
from tests.streams.stores.damage_contract import DamageContract


class MemoryRig:
    """A store in memory, the same for all scenarios of a test."""

    prefix = PREFIX

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

    def delete(self, partition: int, name: str) -> None:
        getattr(self.store.held(partition), name).clear()


class TestMemoryStore(StoreContract, DamageContract, BuildContract):
    """The store in memory keeps the contract."""

    @pytest.fixture
    def rig(self) -> Rig:
        return MemoryRig()
