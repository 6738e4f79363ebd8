"""How far a build is behind the served one, by the offsets that both have applied."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.topics import REJECTED, TOUCHPOINTS
from streams.definitions.builds import prefix_of
from streams.settings.settings import Settings
from streams.stores.keys import keys

CLOSE: Final = 5_000
"""So many records behind, the rest is caught up with in a moment, while both stand still."""
FOLLOWS: Final = 20
"""One part in so many may be outstanding while a comparison of both builds is still worth reading."""

Offsets = dict[tuple[str, int], int]
"""By topic of touchpoints and partition, the next offset to apply."""


class Lag(NamedTuple):
    """Where a build is, in records of touchpoints."""

    applied: int
    served: int
    behind: int
    """What the served build has applied and this one has not."""

    @property
    def is_close(self) -> bool:
        """Whether it follows the served build closely enough for a switch."""
        return self.behind <= CLOSE

    @property
    def follows(self) -> bool:
        """Whether nearly all is applied, so that both builds can be compared; few records are soon all of them."""
        return self.behind <= min(CLOSE, self.served // FOLLOWS)

    @property
    def share(self) -> float:
        """How much of what the served build has applied it has applied too, from 0 to 1."""
        return 1.0 if not self.served else max(0.0, 1 - self.behind / self.served)


def offsets(client: Any, partitions: int, build: str) -> Offsets:
    """What a build has applied."""
    found: Offsets = {}
    for partition in range(partitions):
        for name, offset in client.hgetall(keys(partition, prefix_of(build)).offsets).items():
            if (topic := name.decode()).startswith(TOUCHPOINTS):
                found[topic, partition] = int(offset)
    return found


def first_offsets(admin: Any, settings: Settings) -> Offsets:
    """The first offsets that Kafka still holds."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    names = [topic.name for topic in settings.topics() if topic.name.startswith(TOUCHPOINTS)]
    inputs = [name for name in names if name != REJECTED]
    places = [TopicPartition(name, partition) for name in inputs for partition in range(settings.partitions)]
    found = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    return {(place.topic, place.partition): found[place].offset for place in places}


def lag(served: Mapping[tuple[str, int], int], shadow: Mapping[tuple[str, int], int], first: Offsets) -> Lag:
    """How far the shadow is behind; `first` are the offsets before which Kafka holds nothing."""
    total = applied = behind = 0
    for place, offset in served.items():
        begin = first.get(place, 0)
        done = max(shadow.get(place, 0), begin)
        total += max(0, offset - begin)
        applied += max(0, done - begin)
        behind += max(0, offset - done)
    return Lag(applied, total, behind)
