"""Kafka's part of a repartition: members of the group, records not yet applied, and more partitions for the topics.

`streams/repartition/repartition.py` decides what follows from the answers.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.clients.group import describe_group, holds_records
from streams.clients.topic_shapes import find

GROWN_WITHIN_S: Final = 10.0
PAUSE_S: Final = 0.3


def members(admin: Any, group: str) -> list[str]:
    """The members of a consumer group, each as client id and host; empty for an empty group."""
    described = describe_group(admin, group)
    return [f"{one['client_id']} on {one['client_host'].lstrip('/')}" for one in described["members"]]


def partitions(admin: Any, topics: Sequence[str]) -> dict[str, int]:
    """The number of partitions of each of those topics that exist."""
    return {name: shape.partitions for name, shape in find(admin, topics).items()}


def ids(admin: Any, topics: Sequence[str]) -> dict[str, str]:
    """Kafka's ids of those topics that exist."""
    return {name: shape.id for name, shape in find(admin, topics).items()}


def waiting(
    admin: Any, consumer: Any, counts: Mapping[str, int], applied: Mapping[tuple[str, int], int]
) -> dict[str, int]:
    """By topic, the offsets that Kafka holds after the applied ones; topics with nothing to apply there are left out.

    The number is negative for a topic that was created anew: more of it is applied than Kafka holds.
    """
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    places = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    found: dict[str, int] = {}
    for place in places:
        done = max(applied.get((place.topic, place.partition), 0), first[place].offset)
        left = end[place].offset - done
        if left < 0 or (left and holds_records(consumer, place, done, end[place].offset)):
            found[place.topic] = found.get(place.topic, 0) + left
    return found


def grow(admin: Any, topics: Sequence[str], to: int, *, rehearse: bool = False) -> list[str]:
    """Raise every topic with fewer partitions to `to`; returns the names of these topics. A second call does nothing.

    With `rehearse` Kafka only validates the request, so that missing rights and quotas are found before anything
    changes.
    """
    less = {name: to for name, count in partitions(admin, topics).items() if count < to}
    if less:
        admin.create_partitions(less, validate_only=rehearse)
    if less and not rehearse:
        until_s = time.monotonic() + GROWN_WITHIN_S
        while any(count < to for count in partitions(admin, list(less)).values()):
            if time.monotonic() > until_s:
                raise TimeoutError(f"Kafka has not made the partitions within {GROWN_WITHIN_S:g} s")
            time.sleep(PAUSE_S)
    return sorted(less)
