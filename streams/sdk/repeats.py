"""Repeats: a helper for whoever consumes the tracker's topics, which drops messages that came before.

It knows the four headers of each message and nothing of what a message says. Use it with the records of
kafka-python or aiokafka, one `Repeats` a consumer:

    repeats = Repeats()
    for record in consumer:
        if repeats.is_new(record):
            handle(record)

**What repeats are.** A worker that dies between publishing and noting it leaves messages that its successor publishes
once more: the same key, value and headers `partition` (the customer's home), `generation` (a random name that a worker
gets when it takes that partition), `epoch` and `sequence`. In one partition of one topic the messages of a home
partition and generation come in rising order of (epoch, sequence); what is not above the highest one seen is a repeat.
Messages of tracker versions before 0.2.0 have no generation; they are compared among themselves.

**Restarts.** Keep `Repeats.highest` where you keep your own results, in the same transaction, and begin with it:
`Repeats(kept)`. What was kept before there were generations is accepted. A consumer that goes on from Kafka's
committed offset without it may handle again what lies between that offset and the crash, as every consumer may.

**A rebuild.** When Redis has lost its last second, or everything, the tracker reads that part of its input again and
tells again what follows from it, in a new generation. Such messages are new by their headers. `rebuilds` counts them
by home partition, so that a consumer can say so. Transitions of input that was applied before bear the header `again`
(and `"again": true` in their body), and are dropped here: a consumer that has come this far has had them. Whoever has
begun later, and wants them, says `Repeats(keep_again=True)`.

**Ids.** `transition_id` gives the same id to the same transition, however often it is published. It is the key for
whoever keeps what it acted on; at the edge of a rebuild a transition may be published twice without the header.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from schemas.transition import Transition
from tracker.planning.marks import AGAIN, EPOCH, GENERATION, MOST_GENERATIONS, PARTITION, SEQUENCE

__all__ = ["Consumed", "Origin", "Repeats", "Source", "transition_id"]


class Consumed(Protocol):
    """What this helper needs of a record."""

    topic: str
    partition: int
    headers: Iterable[tuple[str, bytes]]


class Origin(NamedTuple):
    """Where messages come in order: one partition of a topic, from one home partition, in one generation of it."""

    topic: str
    partition: int
    home: int
    generation: str = ""
    """Empty for messages of versions without generations."""


Source = Origin
"""The former name of `Origin`, until 1.0."""


class Mark(NamedTuple):
    """What tells the messages of one origin apart; later ones are greater."""

    epoch: int
    sequence: int


R = TypeVar("R", bound=Consumed)
NAMES: Final = (PARTITION, EPOCH, SEQUENCE)


class Repeats:
    """Tells new messages from repeats; remembers a few marks for each home partition, however many messages come."""

    def __init__(self, highest: Mapping[Origin, Mark] | None = None, *, keep_again: bool = False) -> None:
        self.highest: dict[Origin, Mark] = {Origin(*each): Mark(*mark) for each, mark in (highest or {}).items()}
        """The mark of the newest message of each origin; to be kept, in this order, by consumers that restart."""
        self.dropped = 0
        """Repeats so far."""
        self.again = 0
        """Transitions so far that were published before a rebuild, and dropped."""
        self._keep_again = keep_again
        self.rebuilds: dict[int, int] = {}
        """By home partition: how often the tracker began to tell again what it may have told before."""

    def is_new(self, record: Consumed) -> bool:
        """Whether the record is to be handled; a record without the tracker's headers always is."""
        told = read(record)
        if told is None:
            return True
        source, mark = told
        before = self.highest.get(source)
        if before is None:
            before = self._begin(source)
        elif mark <= before:
            self.dropped += 1
            return False
        if before is not None and mark.sequence <= before.sequence:
            # Sequences go on over generations and epochs; one that falls back was forgotten by Redis.
            self.rebuilds[source.home] = self.rebuilds.get(source.home, 0) + 1
        self.highest[source] = mark
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
    """Where a record comes from and its mark; None where the tracker did not write it."""
    headers = dict(record.headers or ())
    try:
        home, epoch, sequence = (int(headers[name]) for name in NAMES)
        generation = headers.get(GENERATION, b"").decode()
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return Origin(record.topic, record.partition, home, generation), Mark(epoch, sequence)
