"""A plan and what it is made of: the batch that comes in, what was read of it, and all that one write changes.

Values alone; `tracker/planning/planner.py` decides what is in them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.identity.incoming import Incoming
from tracker.planning.message import Message
from tracker.touch import Touch


class KafkaRecord(Protocol):
    """What a batch needs of a Kafka record; aiokafka's own records fit."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class PartitionBatch:
    """Records of one topic-partition in the order of their offsets; never empty."""

    topic: str
    partition: int
    records: Sequence[KafkaRecord]
    newest_ms: int = field(init=False)
    """The newest broker timestamp, milliseconds since 1970."""

    def __post_init__(self) -> None:
        self.newest_ms = max([record.timestamp for record in self.records])

    @property
    def next_offset(self) -> int:
        """The first offset after the batch."""
        return self.records[-1].offset + 1


@dataclass(slots=True)
class Reading:
    """A batch after steps 2 and 3: whose states are needed, and what needs none."""

    partition: int
    touches: dict[str, list[Touch]] = field(default_factory=dict)
    """By name at home here, in the order of arrival."""
    incoming: dict[str, Incoming] = field(default_factory=dict)
    """By name at home here: what is said of it besides its own touchpoints."""
    erased: set[str] = field(default_factory=set)
    """Names at home here whose records go."""
    marks: dict[str, int] = field(default_factory=dict)
    """Fields of `tracker/planning/marks.py` that the batch changes, to be remembered with the offsets."""
    forgotten: list[str] = field(default_factory=list)
    """Such fields that are remembered no longer."""
    again: bool = False
    """Whether all that follows from the batch was published before."""
    dropped_before_ms: int = 0
    """Drop-offs before this moment were published before, whichever batch brings them to light; 0 for none."""
    messages: list[Message] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def names(self) -> list[str]:
        """Whose states are needed."""
        return [*self.touches, *(name for name in self.incoming if name not in self.touches), *self.erased]


@dataclass(slots=True)
class Plan:
    """What step 6 writes in one go, and what step 7 publishes."""

    states: dict[str, bytes]
    aggregates: dict[str, int]
    timers: dict[str, int]
    """New timers: moments (ms) at which a customer must be looked at again, by customer."""
    messages: list[Message]
    counts: Counter[str]
    removed: list[str] = field(default_factory=list)
    """Names whose record and timers go."""
    suppressed: list[bytes] = field(default_factory=list)
    """Digests of names that nothing is taken in for any more."""
    forgotten: list[str] = field(default_factory=list)
    """Fields of the offsets that go: marks of generations long past."""
    again: bool = False
    """Whether the transitions were published before."""
    dropped_before_ms: int = 0
    """Drop-offs before this moment were."""
