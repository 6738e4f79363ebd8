"""The owner's cache: records of customers seen of late, bounded in bytes over all partitions."""

from collections.abc import Iterable, Mapping

# What Python spends on one entry beside the record: two dictionary slots, the name and the object's heads.
ENTRY_BYTES = 220


class Cache:
    """Records by partition and customer; the least recently seen go first.

    Two generations instead of a linked list: a hit in the old one moves to the young one, and when the young one
    holds half of the bound, it becomes the old one. A hit costs one dictionary look-up, and what is forgotten has
    not been seen for at least half a bound of other records.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._half_bytes = limit_bytes // 2
        self._young: dict[int, dict[str, bytes]] = {}
        self._old: dict[int, dict[str, bytes]] = {}
        self._young_bytes = 0

    def get(self, partition: int, customer: str) -> bytes | None:
        """The record, None where it is not cached."""
        young = self._young.get(partition)
        if young is not None and (record := young.get(customer)) is not None:
            return record
        old = self._old.get(partition)
        if old is None or (record := old.pop(customer, None)) is None:
            return None
        self._add(partition, customer, record)
        return record

    def put(self, partition: int, records: Mapping[str, bytes]) -> None:
        """Remember records that the store holds now."""
        for customer, record in records.items():
            self._add(partition, customer, record)

    def forget(self, partition: int, customers: Iterable[str]) -> None:
        """Forget records that the store holds no more."""
        for customer in customers:
            record = self._young.get(partition, {}).pop(customer, None)
            self._young_bytes -= _size(customer, record) if record is not None else 0
            self._old.get(partition, {}).pop(customer, None)

    def drop(self, partition: int) -> None:
        """Forget a partition that is no longer owned, or that the store has lost writes of."""
        self._young_bytes -= sum(_size(c, r) for c, r in self._young.pop(partition, {}).items())
        self._old.pop(partition, None)

    def _add(self, partition: int, customer: str, record: bytes) -> None:
        young = self._young.setdefault(partition, {})
        before = young.get(customer)
        young[customer] = record
        self._young_bytes += len(record) - len(before) if before is not None else _size(customer, record)
        if self._young_bytes > self._half_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0


def _size(customer: str, record: bytes) -> int:
    return len(record) + len(customer) + ENTRY_BYTES
