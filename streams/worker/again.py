"""What is read again: up to which offsets all was published before, and batches parted there."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence

from streams.worker.transport import Bounds
from tracker.planning.plan import PartitionBatch


def published_before(
    bounds: Mapping[str, Bounds],
    start: Mapping[str, int],
    known: Mapping[str, int],
    *seen: Mapping[str, int],
    anew: Collection[str] = (),
) -> dict[str, int]:
    """By topic, what is to be remembered newly: the offset before which all that follows was published.

    `start` is where reading begins, `known` what is remembered, `seen` the offsets that Kafka's consumer group or this
    process had come to: both follow the publishing. Topics in `anew`, and those that end below such an offset, were
    created anew, so what is in them is new.
    """
    found: dict[str, int] = {}
    for topic, bound in bounds.items():
        remembered = known.get(topic, 0)
        end = max(remembered, *(offsets.get(topic, 0) for offsets in seen))
        if end > bound.end or topic in anew:
            end = 0
        if end != remembered and (end > start[topic] or not end):
            found[topic] = end
    return found


def parted(
    batches: Sequence[PartitionBatch], published: Mapping[str, int]
) -> Iterator[tuple[list[PartitionBatch], bool]]:
    """The batches, those below the offsets of `published` first, with whether they are read again; none is empty."""
    again, new = [], []
    for batch in batches:
        end = published.get(batch.topic, 0)
        if batch.records[0].offset >= end:
            new.append(batch)
        elif batch.next_offset <= end:
            again.append(batch)
        else:
            at = bisect_left(batch.records, end, key=lambda record: record.offset)
            for part, records in ((again, batch.records[:at]), (new, batch.records[at:])):
                part.append(PartitionBatch(batch.topic, batch.partition, records))
    if again:
        yield again, True
    if new:
        yield new, False
