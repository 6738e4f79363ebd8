"""The figures: what Redis' aggregates say, summed over the partitions.

The fields' names belong to `tracker/figures/fields.py`, the keys' to `streams/stores/keys.py`. A partition is
read in one transaction with its offsets, so its figures are those of exactly the touchpoints before these offsets.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from streams.stores.keys import PREFIX, is_topic, keys
from streams.stores.snapshot import hashes
from tracker.figures.fields import FieldName, parse

# More than ten wide journeys have in 57 days: a cache that is a little too small forgets each name before it comes
# again.
_parse = lru_cache(maxsize=500_000)(parse)


@dataclass(frozen=True, slots=True)
class Figures:
    """All aggregates at one moment (of each partition)."""

    counts: dict[FieldName, int]
    """By field, what `tracker/figures/fields.py` says it counts, summed over the partitions."""
    offsets: dict[tuple[str, int], int]
    """By topic and partition, the next offset to apply."""

    @property
    def journeys(self) -> list[str]:
        """The journeys that there are figures of."""
        return sorted({field.journey for field in self.counts})

    def by(self, journey: str, figure: str, *parts: str) -> dict[tuple[str, ...], int]:
        """A figure broken down by parts of its field (`stage`, `day`, `status`, `bucket`), segments left aside."""
        result: Counter[tuple[str, ...]] = Counter()
        for field, count in self.counts.items():
            if field.figure == figure and field.journey == journey and field.segment is None:
                result[tuple(getattr(field, part) for part in parts)] += count
        return dict(result)

    def by_segment(self, journey: str, figure: str, segment: str, *parts: str) -> dict[tuple[str, ...], int]:
        """A figure broken down by the value of a segment first, then by parts of its field."""
        result: Counter[tuple[str, ...]] = Counter()
        for field, count in self.counts.items():
            if field.figure == figure and field.journey == journey and field.segment == segment:
                result[(str(field.value), *(getattr(field, part) for part in parts))] += count
        return dict(result)

    def by_stage(self, journey: str, figure: str, stages: Sequence[str]) -> dict[str, int]:
        """A figure by stage, in the stages' order, zero where there is none."""
        found = self.by(journey, figure, "stage")
        return {stage: found.get((stage,), 0) for stage in stages}

    def in_status(self, journey: str, status: str, stages: Sequence[str]) -> dict[str, int]:
        """The customers now in each stage who have this status: active, waiting, dropped, completed, exited."""
        found = self.by(journey, "current", "stage", "status")
        return {stage: found.get((stage, status), 0) for stage in stages}

    def funnel(self, journey: str, stages: Sequence[str]) -> dict[str, int]:
        """By stage, the customers whose funnel is at least so deep: the steps in order, within the window."""
        exactly = self.by_stage(journey, "funnel", stages)
        return {stage: sum(exactly[after] for after in stages[place:]) for place, stage in enumerate(stages)}

    def applied(self, topics: Iterable[str]) -> int:
        """The records of these topics that are applied, counted from offset 0."""
        wanted = set(topics)
        return sum(offset for (topic, _), offset in self.offsets.items() if topic in wanted)

    def since(self, before: "Figures") -> "Figures":
        """What has been added since earlier figures; the offsets stay as they are."""
        counts = {
            field: self.counts.get(field, 0) - before.counts.get(field, 0) for field in self.counts | before.counts
        }
        return Figures({field: count for field, count in counts.items() if count}, self.offsets)


def read(client: Any, partitions: int, prefix: str = PREFIX) -> Figures:
    """The figures of all partitions, through a blocking Redis client (single or Cluster)."""
    # Added up by the name as it came, so that a name is parsed once and not once a partition.
    totals: dict[bytes | str, int] = {}
    offsets: dict[tuple[str, int], int] = {}
    for partition in range(partitions):
        names = keys(partition, prefix)
        # The partitions follow one another; they share no customer.
        aggregates, applied = hashes(client, names.aggregates, names.offsets)
        for field, count in aggregates.items():
            totals[field] = totals.get(field, 0) + int(count)
        for topic, offset in applied.items():
            if is_topic(name := _text(topic)):
                offsets[name, partition] = int(offset)
    counts: dict[FieldName, int] = {}
    for stored, total in totals.items():
        # A worker of another version may count what this one has no name for.
        with suppress(ValueError):
            if total:
                counts[_parse(_text(stored))] = total
    return Figures(counts, offsets)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
