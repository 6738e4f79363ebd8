"""The names of the keys of a partition. All share the hash tag `{p}`: one slot, so one write can be atomic."""

from typing import Final, NamedTuple

PREFIX: Final = "tracker"


class Keys(NamedTuple):
    """The keys of one partition, in the order in which the scripts take them."""

    epoch: str
    """Integer: the epoch of the owner; only its holder may write."""
    generation: str
    """String: names of the last takes, newest first, with spaces between them; the first is the owner's."""
    offsets: str
    """Hash: topic to the next offset to apply; `timers` to the number of sweeps applied; `from 3 NAME`, `since 3 NAME`
    and `repeats 3 NAME`: what came over `journey.routed` from the owner of partition 3 whose generation is NAME
    (`tracker/planning/marks.py`)."""
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
    """Integer: how many writes the partition has seen; fewer than its owner did, and the store has lost some."""
    sizes: str
    """String: the number of the last write, then how many entries each key of `Sizes` has at least after it
    (`streams/stores/store.py`); fewer, and somebody or something has deleted a key."""
    told: str
    """Hash: topic to the offset before which all that follows from its records was published before; where reading
    begins below it, transitions are marked `again`. `dropped` to the moment (ms) before which drop-offs are, until the
    partition has caught up."""
    missing: str
    """Hash: `topic:first` to the offset after the last that Kafka no longer had when it should have been applied."""
    suppressed: str
    """Set: salted digests of erased names (`tracker/identity/erasure.py`), for whom nothing is taken in any more."""


def is_topic(field: str) -> bool:
    """Whether a field of the offsets is a topic's; the others are of sweeps and of other partitions."""
    return "." in field


def keys(partition: int, prefix: str = PREFIX) -> Keys:
    """The keys of a partition."""
    return Keys(*(f"{prefix}:{{{partition}}}:{name}" for name in Keys._fields))


def day_list(days: str, day: int) -> str:
    """List: the customers who are looked at when a day begins; `days` is the key of the hash that counts them."""
    return f"{days}:{day}"
