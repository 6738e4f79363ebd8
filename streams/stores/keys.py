"""The names of a partition's keys. They share the hash tag `{p}`, so they lie in one slot and one write is atomic."""

from typing import Final, NamedTuple

PREFIX: Final = "tracker"


class Keys(NamedTuple):
    """The keys of one partition, in the order in which the scripts take them."""

    epoch: str
    """Integer: the owner's epoch; only the holder of this epoch may write."""
    generation: str
    """String: names of the last takes, newest first, separated by spaces; the first is the owner's."""
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
    """Integer: how many writes the partition has seen. Fewer than its owner made: the store has lost some."""
    sizes: str
    """String: the number of the last write, then how many entries each key of `Sizes` has at least after it
    (`streams/stores/store.py`); fewer, and somebody or something has deleted a key."""
    published: str
    """Hash: topic to the offset before which all that follows from its records was published before; where reading
    begins below it, transitions are marked `again`. `dropped` to the moment (ms) before which drop-offs are, until the
    partition has caught up."""
    definitions: str
    """Hash: `revision` is the marker, the revision of the definitions (`streams/definitions/record.py`) that the owner
    writes by; `left` the states that it has not yet looked at since then, `looked` the revision at which it had
    looked at all of them."""
    standstill: str
    """String (JSON): where the partition stands still during a switch (`streams/definitions/switching.py`)."""
    missing: str
    """Hash: `topic:first` to the end of a range of offsets that Kafka had deleted before they were applied."""
    topics: str
    """Hash: topic to Kafka's id of the topic of which the offset is; `before TOPIC` to the id of the topic that had the
    name before, and the offset up to which that one was applied."""
    suppressed: str
    """Set: salted digests of erased names (`tracker/identity/erasure.py`); their touchpoints are dropped."""
    attended: str
    """String: generation of the owner that looked at the partition last. It expires `KEPT_S` after that look, so the
    time that is left says when it was, by Redis' own clock (`streams/stores/attendance.py`)."""


def is_topic(field: str) -> bool:
    """Whether a field of the offsets is a topic. The other fields belong to sweeps and to routed messages."""
    return "." in field


def keys(partition: int, prefix: str = PREFIX) -> Keys:
    """The keys of a partition."""
    return Keys(*(f"{prefix}:{{{partition}}}:{name}" for name in Keys._fields))


def day_list(days: str, day: int) -> str:
    """List: the customers who are looked at when a day begins; `days` is the key of the hash that counts them."""
    return f"{days}:{day}"
