"""A plan and its inputs: the batch that comes in, what was read from it, and everything that one write changes.

It holds values alone; `tracker/planning/planner.py` fills them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.identity.incoming import Incoming
from tracker.planning.message import Message
from tracker.touch import Touch


class KafkaRecord(Protocol):
    """The fields of a Kafka record that a batch needs; aiokafka's records have them."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(slots=True)
class PartitionBatch:
    """Records of one topic-partition in the order of their offsets; never empty."""

    topic: str
    partition: int
    records: Sequence[KafkaRecord]
    limit_ms: int | None = None
    """Timestamps after this moment are wrong: the newest is one of the others, where there are any."""
    newest_ms: int = field(init=False)
    """The newest broker timestamp, milliseconds since 1970."""
    oldest_ms: int = field(init=False)
    """The oldest one."""

    def __post_init__(self) -> None:
        stamps_ms = [record.timestamp for record in self.records]
        self.newest_ms, self.oldest_ms = max(stamps_ms), min(stamps_ms)
        if self.limit_ms is not None and self.newest_ms > self.limit_ms:
            limit_ms = self.limit_ms
            self.newest_ms = max((at_ms for at_ms in stamps_ms if at_ms <= limit_ms), default=self.newest_ms)

    @property
    def next_offset(self) -> int:
        """The first offset after the batch."""
        return self.records[-1].offset + 1


@dataclass(slots=True)
class Reading:
    """A batch after steps 2 and 3: touches and messages by name, whose states are needed, and what needs no state."""

    partition: int
    touches: dict[str, list[Touch]] = field(default_factory=dict)
    """By name with its home here: its touches in the order of arrival."""
    incoming: dict[str, Incoming] = field(default_factory=dict)
    """By name with its home here: links and messages besides its own touchpoints."""
    erased: set[str] = field(default_factory=set)
    """Names with their home here whose records are to be removed."""
    marks: dict[str, int] = field(default_factory=dict)
    """Fields of `tracker/planning/marks.py` that the batch changes, to be written together with the offsets."""
    forgotten: list[str] = field(default_factory=list)
    """Fields of this kind that are to be removed."""
    again: bool = False
    """Whether everything that follows from the batch was published before."""
    dropped_before_ms: int = 0
    """Drop-offs before this moment were published before, whichever batch reveals them; 0 for none."""
    messages: list[Message] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def names(self) -> list[str]:
        """The names whose states are needed."""
        return [*self.touches, *(name for name in self.incoming if name not in self.touches), *self.erased]


@dataclass(slots=True)
class Plan:
    """What step 6 writes in one go, and what step 7 publishes."""

    states: dict[str, bytes]
    aggregates: dict[str, int]
    timers: dict[str, int]
    """New timers by customer: the moment (ms) at which to look at the customer again."""
    messages: list[Message]
    counts: Counter[str]
    removed: list[str] = field(default_factory=list)
    """Names whose record and timers are removed."""
    suppressed: list[bytes] = field(default_factory=list)
    """Digests of erased names, for which nothing is accepted any more."""
    forgotten: list[str] = field(default_factory=list)
    """Fields of the offsets that are removed: marks of old generations."""
    again: bool = False
    """Whether all transitions were published before."""
    dropped_before_ms: int = 0
    """Drop-offs before this moment were published before; 0 for none."""
