"""A customer's home: the partition that owns the state, by the hash that Kafka's producers use."""

from functools import lru_cache
from typing import Final

_MASK: Final = 0xFFFFFFFF
_M: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 of a key (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    length = len(data)
    whole = length & ~3
    h = _SEED ^ length
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k ^= k >> 24
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    if whole != length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h ^= h >> 13
    h = h * _M & _MASK
    return h ^ (h >> 15)


# A hit takes a tenth of the time of the hash. The bound is about the number of customers active at the same time.
@lru_cache(maxsize=200_000)
def home(customer: str, partitions: int) -> int:
    """The partition number of a customer among `partitions`."""
    return (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions
