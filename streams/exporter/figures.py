"""The figures: the aggregates in Redis, summed over the partitions.

`tracker/figures/fields.py` names the fields, `streams/stores/keys.py` the keys. A partition's aggregates and offsets
are read in one transaction, so its figures count exactly the touchpoints before these offsets.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from streams.stores.keys import PREFIX, is_topic, keys
from streams.stores.snapshot import hashes
from tracker.figures.fields import FieldName, parse

# More names than ten wide journeys have in 57 days. The names come in the same order at each reading, so a cache that
# is only a little too small would evict each name before it comes again.
_parse = lru_cache(maxsize=500_000)(parse)


@dataclass(frozen=True, slots=True)
class Figures:
    """All aggregates, each partition's at one moment of its own."""

    counts: dict[FieldName, int]
    """By field, its count summed over the partitions; `tracker/figures/fields.py` says what each counts."""
    offsets: dict[tuple[str, int], int]
    """By topic and partition, the next offset to apply."""
    ids: dict[tuple[str, int], str] = field(default_factory=dict)
    """By topic and partition, Kafka's id of the topic of which the offset is."""

    build: str = ""
    """The build whose figures these are."""
    shadow: "Figures | None" = None
    """Those of the shadow, where there is one."""

    @property
    def journeys(self) -> list[str]:
        """The journeys that have figures."""
        return sorted({field.journey for field in self.counts})

    def by(self, journey: str, figure: str, *parts: str) -> dict[tuple[str, ...], int]:
        """A figure broken down by parts of its field (`stage`, `day`, `status`, `bucket`), segments left aside."""
        result: Counter[tuple[str, ...]] = Counter()
        for name, count in self.counts.items():
            if name.figure == figure and name.journey == journey and name.segment is None:
                result[tuple(getattr(name, part) for part in parts)] += count
        return dict(result)

    def by_segment(self, journey: str, figure: str, segment: str, *parts: str) -> dict[tuple[str, ...], int]:
        """A figure broken down by the value of a segment first, then by parts of its field."""
        result: Counter[tuple[str, ...]] = Counter()
        for name, count in self.counts.items():
            if name.figure == figure and name.journey == journey and name.segment == segment:
                result[(str(name.value), *(getattr(name, part) for part in parts))] += count
        return dict(result)

    def by_stage(self, journey: str, figure: str, stages: Sequence[str]) -> dict[str, int]:
        """A figure by stage, in the stages' order, zero where there is none."""
        found = self.by(journey, figure, "stage")
        return {stage: found.get((stage,), 0) for stage in stages}

    def in_status(self, journey: str, status: str, stages: Sequence[str]) -> dict[str, int]:
        """The customers now in each stage who have this status: active, waiting, dropped, completed, exited."""
        found = self.by(journey, "current", "stage", "status")
        return {stage: found.get((stage, status), 0) for stage in stages}

    def funnel(self, journey: str, stages: Sequence[str], optional: Collection[str] = ()) -> dict[str, int]:
        """By stage, the customers whose funnel is at least so deep: the steps in order, within the window.

        Of an optional stage, those who took it.
        """
        # The aggregates count exact depths, so that a customer who goes deeper changes two fields, not a whole chain.
        exactly, taken = self.by_stage(journey, "funnel", stages), self.by_stage(journey, "taken", stages)
        return {
            stage: taken[stage] if stage in optional else sum(exactly[after] for after in stages[place:])
            for place, stage in enumerate(stages)
        }

    def applied(self, topics: Iterable[str]) -> int:
        """The records of these topics that are applied, counted from offset 0."""
        wanted = set(topics)
        return sum(offset for (topic, _), offset in self.offsets.items() if topic in wanted)

    def since(self, before: "Figures") -> "Figures":
        """What has been added since earlier figures; the offsets stay as they are."""
        counts = {name: self.counts.get(name, 0) - before.counts.get(name, 0) for name in self.counts | before.counts}
        return Figures({name: count for name, count in counts.items() if count}, self.offsets, self.ids)


def read(client: Any, partitions: int, prefix: str = PREFIX) -> Figures:
    """The figures of all partitions, through a blocking Redis client (single or Cluster)."""
    # Added up by the stored name, so that each name is parsed once and not once for each partition.
    totals: dict[bytes | str, int] = {}
    offsets: dict[tuple[str, int], int] = {}
    ids: dict[tuple[str, int], str] = {}
    for partition in range(partitions):
        names = keys(partition, prefix)
        # The partitions are read one after the other. They share no customer, so none is counted twice or missed.
        aggregates, applied, topics = hashes(client, names.aggregates, names.offsets, names.topics)
        for name, count in aggregates.items():
            totals[name] = totals.get(name, 0) + int(count)
        for topic, offset in applied.items():
            if is_topic(its_name := _text(topic)):
                offsets[its_name, partition] = int(offset)
                ids[its_name, partition] = _text(topics.get(topic, b""))
    counts: dict[FieldName, int] = {}
    for stored, total in totals.items():
        # A worker of another version may count fields that this version does not know.
        with suppress(ValueError):
            if total:
                counts[_parse(_text(stored))] = total
    return Figures(counts, offsets, ids)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
