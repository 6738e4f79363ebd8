"""Repeats: a helper for consumers of the tracker's topics; it drops messages that came before.

It reads three headers of each message and not its content. Use it with the records of kafka-python or aiokafka, one
`Repeats` for each consumer:

    repeats = Repeats()
    for record in consumer:
        if repeats.is_new(record):
            handle(record)

**What repeats are.** A worker that dies after publishing and before noting it leaves messages that its successor
publishes again: with the same key, value and headers `partition` (the customer's home), `epoch` and `sequence`. In one
partition of one topic, the messages of a home partition come in rising order of (epoch, sequence). A message that is
not above the highest one seen is a repeat.

**Restarts.** Store `Repeats.highest` with your own results, in the same transaction, and start with it:
`Repeats(kept)`. A consumer that continues from Kafka's committed offset without it may handle the messages between
that offset and the crash again, as every consumer may.

**A rebuild.** When Redis has lost its last second, or everything, the tracker reads that part of its input again and
publishes the resulting messages again. They have a newer epoch, since the tracker cannot know which it had published,
so their headers make them new. `rebuilds` counts rebuilds by home partition, so that a consumer can report them. A
consumer that must not act twice even then must store what it acted on: a transition happens once for its (customer,
journey, instance, kind, stage, at_ms).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, TypeVar

from tracker.planning.marks import EPOCH, PARTITION, SEQUENCE

__all__ = ["Consumed", "Origin", "Repeats", "Source"]


class Consumed(Protocol):
    """The attributes of a record that this helper reads."""

    topic: str
    partition: int
    headers: Iterable[tuple[str, bytes]]


class Origin(NamedTuple):
    """Within one origin, messages come in order: one partition of a topic, from one home partition."""

    topic: str
    partition: int
    home: int


Source = Origin
"""The former name of `Origin`, until 1.0."""


class Mark(NamedTuple):
    """The number of a message among those of its home partition; later messages have greater marks."""

    epoch: int
    sequence: int


R = TypeVar("R", bound=Consumed)
NAMES: Final = (PARTITION, EPOCH, SEQUENCE)


class Repeats:
    """Distinguishes new messages from repeats; it keeps one mark for each origin, however many messages come."""

    def __init__(self, highest: Mapping[Origin, Mark] | None = None) -> None:
        self.highest: dict[Origin, Mark] = dict(highest or {})
        """By origin, the mark of the newest message; consumers that restart should store it."""
        self.dropped = 0
        """How many repeats were dropped so far."""
        self.rebuilds: dict[int, int] = {}
        """By home partition, how often the tracker began to publish again what it may have published before."""

    def is_new(self, record: Consumed) -> bool:
        """Whether the record is new and must be handled; a record without the tracker's headers always is."""
        numbered = read(record)
        if numbered is None:
            return True
        origin, mark = numbered
        before = self.highest.get(origin)
        if before is not None:
            if mark <= before:
                self.dropped += 1
                return False
            if mark.sequence <= before.sequence:
                # Sequences continue over epochs. One that falls back shows that Redis has lost the newer ones.
                self.rebuilds[origin.home] = self.rebuilds.get(origin.home, 0) + 1
        self.highest[origin] = mark
        return True

    def fresh(self, records: Iterable[R]) -> Iterator[R]:
        """The records without the repeats."""
        return (record for record in records if self.is_new(record))


def read(record: Consumed) -> tuple[Origin, Mark] | None:
    """The origin and the mark of a record; None for a record that the tracker did not write."""
    headers = dict(record.headers or ())
    try:
        home, epoch, sequence = (int(headers[name]) for name in NAMES)
    except (KeyError, ValueError, TypeError):
        return None
    return Origin(record.topic, record.partition, home), Mark(epoch, sequence)
