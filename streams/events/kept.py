"""What Kafka still keeps of the touchpoints: how many records, and from when on."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class KeptTopic(NamedTuple):
    """One topic as Kafka keeps it."""

    topic: str
    records: int
    """Offsets from the first that is kept to the end, so at least as many as there are records."""
    gone: int
    """Offsets before the first that is kept: records that retention has deleted."""
    oldest_ms: int | None
    """The broker's time of the oldest record of the partition that reaches back least; None where nothing is gone, or
    no record is kept."""


def kept(consumer: Any, topics: Sequence[str]) -> list[KeptTopic]:
    """What Kafka keeps of each topic, through a kafka-python consumer; a topic that it lacks is left out."""
    from kafka import TopicPartition

    found = []
    for topic in topics:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not places:
            continue
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        cut = [place for place in places if begins[place] > 0]
        # The first record at or after 1970 is the oldest one that is kept.
        firsts = consumer.offsets_for_times(dict.fromkeys(cut, 0)) if cut else {}
        oldest = [first.timestamp for first in firsts.values() if first is not None]
        found.append(
            KeptTopic(
                topic,
                sum(ends[place] - begins[place] for place in places),
                sum(begins[place] for place in cut),
                max(oldest, default=None),
            )
        )
    return found
