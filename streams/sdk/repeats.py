"""Repeats: a helper for consumers of the tracker's topics; it drops messages that came before.

It reads the headers of each message and not its content. Use it with the records of kafka-python or aiokafka, one
`Repeats` for each consumer:

    repeats = Repeats()
    for record in consumer:
        if repeats.is_new(record):
            handle(record)

**What repeats are.** A worker that dies after publishing and before noting it leaves messages that its successor
publishes again: with the same key, value and headers `partition` (the customer's home), `generation` (a random name
that a worker gets when it takes that partition), `epoch` and `sequence`. In one partition of one topic, the messages of
a home partition and generation come in rising order of (epoch, sequence). A message that is not above the highest one
seen is a repeat. Messages of versions before 0.2.0 have no generation; they are compared with each other.

**Restarts.** Store `Repeats.highest` with your own results, in the same transaction, and start with it:
`Repeats(kept)`. Marks that were stored without a generation are accepted. A consumer that continues from Kafka's
committed offset without it may handle the messages between that offset and the crash again, as every consumer may.

**A rebuild.** When Redis has lost its last second, or everything, the tracker reads that part of its input again and
publishes the resulting messages again, in a new generation, so their headers make them new. `rebuilds` counts rebuilds
by home partition, so that a consumer can report them. Transitions of input that was applied before have the header
`again` (and `"again": true` in their body) and are dropped here, since the consumer has had them. A consumer that
began later, and wants them, uses `Repeats(keep_again=True)`.

**Ids.** `transition_id` returns the same id for the same transition, however often it is published. A consumer that
must never act twice stores the ids: at the edge of a rebuild a transition may be published twice without the header.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from schemas.transition import Transition
from tracker.planning.marks import AGAIN, EPOCH, GENERATION, MOST_GENERATIONS, PARTITION, SEQUENCE

__all__ = ["Consumed", "Origin", "Repeats", "Source", "transition_id"]


class Consumed(Protocol):
    """The attributes of a record that this helper reads."""

    topic: str
    partition: int
    headers: Iterable[tuple[str, bytes]]


class Origin(NamedTuple):
    """Within one origin, messages come in order: a partition of a topic, a home partition, and its generation."""

    topic: str
    partition: int
    home: int
    generation: str = ""
    """Empty for messages of versions without generations."""


Source = Origin
"""The former name of `Origin`, until 1.0."""


class Mark(NamedTuple):
    """The number of a message among those of its home partition; later messages have greater marks."""

    epoch: int
    sequence: int


R = TypeVar("R", bound=Consumed)
NAMES: Final = (PARTITION, EPOCH, SEQUENCE)


class Repeats:
    """Distinguishes new messages from repeats; it keeps a few marks for each home, however many messages come."""

    def __init__(self, highest: Mapping[Origin, Mark] | None = None, *, keep_again: bool = False) -> None:
        self.highest: dict[Origin, Mark] = {Origin(*each): Mark(*mark) for each, mark in (highest or {}).items()}
        """By origin, the mark of the newest message; consumers that restart should store it, in this order."""
        self.dropped = 0
        """How many repeats were dropped so far."""
        self.again = 0
        """How many transitions were dropped because they were published before a rebuild."""
        self._keep_again = keep_again
        self.rebuilds: dict[int, int] = {}
        """By home partition, how often the tracker began to publish again what it may have published before."""

    def is_new(self, record: Consumed) -> bool:
        """Whether the record is new and must be handled; a record without the tracker's headers always is."""
        numbered = read(record)
        if numbered is None:
            return True
        origin, mark = numbered
        before = self.highest.get(origin)
        if before is None:
            before = self._begin(origin)
        elif mark <= before:
            self.dropped += 1
            return False
        if before is not None and mark.sequence <= before.sequence:
            # Sequences continue over generations. One that falls back shows that Redis has lost the newer ones.
            self.rebuilds[origin.home] = self.rebuilds.get(origin.home, 0) + 1
        self.highest[origin] = mark
        if not self._keep_again and any(name == AGAIN for name, _ in record.headers):
            self.again += 1
            return False
        return True

    def _begin(self, source: Origin) -> Mark | None:
        """The mark of the generation before a new one; the oldest of more than a few are forgotten."""
        known = [each for each in self.highest if each[:3] == source[:3]]
        for each in known[: max(0, len(known) + 1 - MOST_GENERATIONS)]:
            del self.highest[each]
        return self.highest[known[-1]] if known else None

    def fresh(self, records: Iterable[R]) -> Iterator[R]:
        """The records without the repeats."""
        return (record for record in records if self.is_new(record))


def transition_id(value: bytes) -> str:
    """The id of a message of `journey.transitions`: 32 hexadecimal digits, the same for the same transition."""
    said = msgspec.json.decode(value, type=Transition)
    parts = [said.customer, said.journey, said.instance, said.kind, said.stage, said.at_ms, said.alias, said.other]
    return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def read(record: Consumed) -> tuple[Origin, Mark] | None:
    """The origin and the mark of a record; None for a record that the tracker did not write."""
    headers = dict(record.headers or ())
    try:
        home, epoch, sequence = (int(headers[name]) for name in NAMES)
        generation = headers.get(GENERATION, b"").decode()
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return Origin(record.topic, record.partition, home, generation), Mark(epoch, sequence)
