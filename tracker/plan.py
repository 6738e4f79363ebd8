"""A plan: all that one batch changes, decided before anything is written.

Steps 2, 3 and 5 of the delivery (docs/delivery.md) are decided here. The caller fetches what `read` asks for and
carries out what `plan` returns; this file knows neither Kafka nor Redis.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from schemas.rejection import Place, Rejection
from schemas.routed import Routed
from schemas.topics import REJECTED, ROUTED, TRANSITIONS
from tracker.customer import Journeys
from tracker.decode import Flaw, decode
from tracker.home import home
from tracker.touch import Touch

# In base64 it still fits into the 1 MiB that a broker takes unless told otherwise: a rejection that no broker took
# would hold up its partition for ever. The whole record stays where it came from.
MAX_REJECTED_BYTES: Final = 700 * 1024


class Record(Protocol):
    """What a batch needs of a Kafka record; aiokafka's own records fit."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


@dataclass(slots=True)
class Batch:
    """Records of one topic-partition in the order of their offsets; never empty."""

    topic: str
    partition: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        """The first offset after the batch."""
        return self.records[-1].offset + 1

    @property
    def newest_ms(self) -> int:
        """The newest broker timestamp, milliseconds since 1970."""
        return max(record.timestamp for record in self.records)


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message to publish. `partition` is the number in its topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes


@dataclass(slots=True)
class Reading:
    """A batch after steps 2 and 3: whose states are needed, and what needs none."""

    partition: int
    touches: dict[str, list[Touch]] = field(default_factory=dict)
    """By customer at home here, in the order of arrival."""
    messages: list[Message] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Plan:
    """What step 6 writes in one go, and what step 7 publishes."""

    states: dict[str, bytes]
    aggregates: dict[str, int]
    timers: dict[str, int]
    """Moments (ms) at which a customer must be looked at again, by customer."""
    settled: list[str]
    """Customers whose timer has fired and who need none."""
    messages: list[Message]
    counts: Counter[str]


_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode
_decode_routed = msgspec.msgpack.Decoder(Routed).decode


class Planner:
    """Decides what a batch changes, for the journeys and the number of partitions of an installation."""

    def __init__(self, journeys: Journeys, partitions: int) -> None:
        self.journeys = journeys
        self.partitions = partitions

    def read(self, partition: int, batches: Sequence[Batch], now_ms: int) -> Reading:
        """Steps 2 and 3: batches decoded, rejections and strangers set aside, the rest grouped by customer."""
        reading = Reading(partition)
        for batch in batches:
            self._read(reading, batch, now_ms)
        return reading

    def _read(self, reading: Reading, batch: Batch, now_ms: int) -> None:
        touches, messages = reading.touches, reading.messages
        partition, partitions = reading.partition, self.partitions
        routed = batch.topic == ROUTED
        flaws = strangers = 0
        for record in batch.records:
            value, received_ms = _unpack(record) if routed else (record.value, record.timestamp)
            touch = decode(value, received_ms)
            if isinstance(touch, Flaw):
                flaws += 1
                reading.counts[f"rejected:{touch.reason}"] += 1
                messages.append(_reject(touch, batch, record, now_ms))
                continue
            customer = touch.customer
            seen = touches.get(customer)
            if seen is not None:
                seen.append(touch)
            elif (at_home := home(customer, partitions)) == partition:
                touches[customer] = [touch]
            else:
                strangers += 1
                messages.append(_route(customer, at_home, value, received_ms))
        reading.counts["read"] += len(batch.records)
        if flaws:
            reading.counts["rejected"] += flaws
        if strangers:
            reading.counts["routed"] += strangers

    def plan(self, reading: Reading, states: Mapping[str, bytes | None], now_ms: int) -> Plan:
        """Step 5: the touches folded into the states of their customers."""
        plan = Plan({}, {}, {}, [], reading.messages, reading.counts)
        for customer, touches in reading.touches.items():
            self._fold(plan, reading.partition, customer, states[customer], touches, now_ms)
        plan.counts["customers"] = len(reading.touches)
        return plan

    def sweep(self, partition: int, states: Mapping[str, bytes | None], now_ms: int) -> Plan:
        """The same for customers whose timer has fired: no touch, only the clock has moved."""
        plan = Plan({}, {}, {}, [], [], Counter())
        for customer, before in states.items():
            if before is None:
                plan.settled.append(customer)
                continue
            if self._fold(plan, partition, customer, before, (), now_ms) is None:
                plan.settled.append(customer)
        return plan

    def _fold(
        self, plan: Plan, partition: int, customer: str, before: bytes | None, touches: Sequence[Touch], now_ms: int
    ) -> int | None:
        change = self.journeys.fold(customer, before, touches, now_ms)
        if change.after != before:
            plan.states[customer] = change.after
        aggregates = plan.aggregates
        for name, difference in change.aggregates.items():
            aggregates[name] = aggregates.get(name, 0) + difference
        if change.arm_ms is not None:
            plan.timers[customer] = change.arm_ms
        if change.transitions:
            key = customer.encode()
            plan.messages.extend(
                Message(TRANSITIONS, partition, key, _encode_json(transition)) for transition in change.transitions
            )
        counts = plan.counts
        counts["applied"] += change.applied
        counts["duplicate"] += change.duplicate
        counts["late"] += change.late
        return change.due_ms


def _unpack(record: Record) -> tuple[bytes | None, int | None]:
    try:
        routed = _decode_routed(record.value or b"")
    except msgspec.MsgspecError:
        return record.value, record.timestamp
    return routed.value, routed.received_at_ms


def _route(customer: str, at_home: int, value: bytes | None, received_ms: int | None) -> Message:
    return Message(ROUTED, at_home, customer.encode(), _encode_msgpack(Routed("touchpoint", value or b"", received_ms)))


def _reject(flaw: Flaw, batch: Batch, record: Record, now_ms: int) -> Message:
    value, detail = record.value, flaw.detail
    if value is not None and len(value) > MAX_REJECTED_BYTES:
        value, detail = value[:MAX_REJECTED_BYTES], f"{detail}; the first {MAX_REJECTED_BYTES} bytes are kept here"
    rejection = Rejection(
        reason=flaw.reason,
        detail=detail,
        place=Place(batch.topic, batch.partition, record.offset),
        rejected_at_ms=now_ms,
        value=value,
        key=record.key,
        received_at_ms=record.timestamp,
    )
    return Message(REJECTED, batch.partition, record.key, _encode_json(rejection))
