"""The cache of a worker process: records of recently seen customers, bounded in bytes over all its partitions."""

from collections.abc import Iterable, Mapping, Sequence

# What Python spends on one entry beside the record: two dictionary slots, the name and the object's heads.
ENTRY_BYTES = 220


class Cache:
    """Records by partition and customer; the least recently seen are evicted first.

    Two generations stand in for the linked list of an exact LRU. A hit in the old generation moves to the young one.
    When the young generation is full (half of the bound), it becomes the old one, and the former old one is dropped.
    A hit costs one dictionary look-up, and a record is evicted only after half a bound of other records was seen.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._half_bytes = limit_bytes // 2
        self._young: dict[int, dict[str, bytes]] = {}
        self._old: dict[int, dict[str, bytes]] = {}
        self._young_bytes = 0

    def read(self, partition: int, customers: Sequence[str]) -> dict[str, bytes | None]:
        """The record of each customer, None where it is not cached."""
        young = self._young.get(partition, {})
        found = dict(zip(customers, map(young.get, customers), strict=True))
        if old := self._old.get(partition):
            seen_again = {
                customer: record
                for customer, young_record in found.items()
                if young_record is None and (record := old.pop(customer, None)) is not None
            }
            found |= seen_again
            self.put(partition, seen_again)
        return found

    def put(self, partition: int, records: Mapping[str, bytes]) -> None:
        """Remember records that the store holds now, so only after a write has succeeded."""
        size = sum(map(len, records.values())) + sum(map(len, records)) + ENTRY_BYTES * len(records)
        if size > self._half_bytes:
            self._put_in_parts(partition, records)
            return
        if self._young_bytes + size > self._half_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        young = self._young.setdefault(partition, {})
        # A record that is replaced must not be counted twice.
        before = zip(records, map(young.get, records), strict=True)
        self._young_bytes += size - sum([_size(customer, record) for customer, record in before if record is not None])
        young.update(records)

    def _put_in_parts(self, partition: int, records: Mapping[str, bytes]) -> None:
        """Put records that exceed a generation by halves: the last ones stay cached."""
        items = list(records.items())
        if len(items) == 1:
            # Larger than a generation by itself: an older version of it must not stay cached either.
            self.forget(partition, records)
            return
        for part in (items[: len(items) // 2], items[len(items) // 2 :]):
            self.put(partition, dict(part))

    def forget(self, partition: int, customers: Iterable[str]) -> None:
        """Forget records that the store no longer holds."""
        for customer in customers:
            record = self._young.get(partition, {}).pop(customer, None)
            self._young_bytes -= _size(customer, record) if record is not None else 0
            self._old.get(partition, {}).pop(customer, None)

    def drop(self, partition: int) -> None:
        """Forget a partition that is no longer owned, or whose writes the store has lost."""
        self._young_bytes -= sum(_size(c, r) for c, r in self._young.pop(partition, {}).items())
        self._old.pop(partition, None)


def _size(customer: str, record: bytes) -> int:
    return len(record) + len(customer) + ENTRY_BYTES
