"""The owner's cache: records of customers seen of late, bounded in bytes over all partitions."""

from collections.abc import Iterable, Mapping, Sequence

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

    def read(self, partition: int, customers: Sequence[str]) -> dict[str, bytes | None]:
        """By customer the record, None where it is not cached."""
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
        """Remember records that the store holds now."""
        size = sum(map(len, records.values())) + sum(map(len, records)) + ENTRY_BYTES * len(records)
        if size > self._half_bytes:
            self._put_in_parts(partition, records)
            return
        if self._young_bytes + size > self._half_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        young = self._young.setdefault(partition, {})
        before = zip(records, map(young.get, records), strict=True)
        self._young_bytes += size - sum([_size(customer, record) for customer, record in before if record is not None])
        young.update(records)

    def _put_in_parts(self, partition: int, records: Mapping[str, bytes]) -> None:
        """Remember of too many records the last, and forget what was known of the others."""
        items = list(records.items())
        if len(items) == 1:
            self.forget(partition, records)
            return
        for part in (items[: len(items) // 2], items[len(items) // 2 :]):
            self.put(partition, dict(part))

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


def _size(customer: str, record: bytes) -> int:
    return len(record) + len(customer) + ENTRY_BYTES
