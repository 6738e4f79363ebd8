"""The names of a partition's keys. They share the hash tag `{p}`, so they lie in one slot and one write is atomic."""

from typing import Final, NamedTuple

PREFIX: Final = "tracker"


class Keys(NamedTuple):
    """The keys of one partition, in the order in which the scripts take them."""

    epoch: str
    """Integer: the owner's epoch; only the holder of this epoch may write."""
    offsets: str
    """Hash: topic to the next offset to apply; `timers` to the number of sweeps applied; `from 3` to the mark of the
    newest message of `journey.routed` that the owner of partition 3 sent."""
    states: str
    """Hash: customer to the versioned msgpack of `tracker/records/state.py`."""
    aggregates: str
    """Hash: field of `tracker/figures/fields.py` to an integer."""
    timers: str
    """Sorted set: customer by the moment (ms) of the next look, where it is less than a day ahead."""
    days: str
    """Hash: day (since 1970, UTC) to the number of customers in its list: who is looked at when that day begins."""
    outbox: str
    """List: the messages of a batch as msgpack, an element a batch, until Kafka has them."""
    sequence: str
    """Integer: how many messages have ever been put into the outbox."""
    writes: str
    """Integer: how many writes the partition has seen. Fewer than its owner made: the store has lost some."""
    missing: str
    """Hash: `topic:first` to the end of a range of offsets that Kafka had deleted before they were applied."""
    suppressed: str
    """Set: salted digests of erased names (`tracker/identity/erasure.py`); their touchpoints are dropped."""


def is_topic(field: str) -> bool:
    """Whether a field of the offsets is a topic. The other fields belong to sweeps and to routed messages."""
    return "." in field


def keys(partition: int, prefix: str = PREFIX) -> Keys:
    """The keys of a partition."""
    return Keys(*(f"{prefix}:{{{partition}}}:{name}" for name in Keys._fields))


def day_list(days: str, day: int) -> str:
    """List: the customers who are looked at when a day begins; `days` is the key of the hash that counts them."""
    return f"{days}:{day}"
