"""The planner: everything that one batch changes, decided before anything is written.

Steps 2, 3 and 5 of the delivery (docs/delivery.md) are decided here. The caller fetches what `read` asks for and
carries out what `plan` returns; this file knows neither Kafka nor Redis.
"""

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.rejection import Place, Rejection, WorkerReason
from schemas.routed import Erase, History, Member, Routed, RoutedTouchpoint, Tie
from schemas.topics import REJECTED, ROUTED, TRANSITIONS
from tracker.engine.customer import Change, CustomerFold
from tracker.engine.migration import UnknownDefinitionError
from tracker.figures.tally import Tally, written
from tracker.home import home
from tracker.identity.erasure import Erasure
from tracker.identity.incoming import Incoming
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.linking import Linking
from tracker.identity.trust import ranked_ms
from tracker.planning import cloud_events
from tracker.planning.decode import Flaw, decode
from tracker.planning.marks import forgotten, is_repeat, mark_of
from tracker.planning.message import Message, encode_routed
from tracker.planning.plan import KafkaRecord, PartitionBatch, Plan, Reading
from tracker.planning.routed import RoutedFlaw, read_routed
from tracker.planning.slices import SLICE, finished, slices
from tracker.records.state import UnreadableStateError
from tracker.touch import Touch

# In base64 value and key still fit into the 1 MiB that a broker accepts by default. A rejection that no broker accepts
# would block its partition for ever. The whole record is still in its topic.
MAX_REJECTED_BYTES: Final = 700 * 1024
MAX_REJECTED_KEY_BYTES: Final = 16 * 1024
MAX_DETAIL: Final = 1_000
ROUTED_SLICE: Final = 250
"""Messages read without a pause: each history among them is tried, which takes as long as relating its name."""
RELATED: Final = 50
"""Names related without a pause; each takes as long as twenty that are only folded (see SLICE)."""
REPORTED: Final = "reported:"
"""Prefix of a transition's kind and journey in a plan's counts."""
_encode_json = msgspec.json.Encoder().encode


class Planner:
    """Decides what a batch changes, for an installation's journeys, kinds of alias and number of partitions."""

    def __init__(self, journeys: CustomerFold, partitions: int, kinds: Kinds = KINDS, salt: str | None = None) -> None:
        """`salt`: the salt of the digests that keep erased names out."""
        self.journeys = journeys
        self.partitions = partitions
        self.kinds = kinds
        self.erasure = Erasure(journeys, salt)
        self._linking = Linking(journeys, kinds)

    def read(
        self,
        partition: int,
        batches: Sequence[PartitionBatch],
        now_ms: int,
        marks: Mapping[str, int] | None = None,
        suppressed: Collection[bytes] = (),
    ) -> Reading:
        """As `reading`, without pauses."""
        return finished(self.reading(partition, batches, now_ms, marks, suppressed))

    def reading(
        self,
        partition: int,
        batches: Sequence[PartitionBatch],
        now_ms: int,
        marks: Mapping[str, int] | None = None,
        suppressed: Collection[bytes] = (),
    ) -> Generator[None, None, Reading]:
        """Steps 2 and 3, in slices: decode, set aside rejections and touchpoints of other homes, group the rest.

        `marks`: what is stored about the messages of each sending partition (`tracker/planning/marks.py`); repeats are
        dropped.
        `suppressed`: digests of erased names, for which nothing is accepted.
        """
        reading = Reading(partition)
        for batch in batches:
            for records in slices(batch.records, SLICE if batch.topic != ROUTED else ROUTED_SLICE):
                if batch.topic == ROUTED:
                    self._read_routed(reading, batch, records, now_ms, marks or {})
                else:
                    self._read(reading, batch, records, now_ms)
                if len(records) < len(batch.records):
                    yield
        if reading.marks:
            reading.forgotten = forgotten(marks or {}, reading.marks)
        if suppressed or reading.erased:
            self._keep_out(reading, suppressed)
        return reading

    def _read(self, reading: Reading, batch: PartitionBatch, records: Sequence[KafkaRecord], now_ms: int) -> None:
        touches, kinds = reading.touches, self.kinds
        partition, partitions = reading.partition, self.partitions
        for record in records:
            value, received_ms = record.value, record.timestamp
            touch = decode(value, received_ms, kinds)
            if isinstance(touch, Flaw):
                adopted = self._adopt(reading, batch, record, touch, now_ms)
                if adopted is None:
                    continue
                touch, value = adopted
            name = touch.customer
            seen = touches.get(name)
            if seen is None:
                if home(name, partitions) != partition:
                    self._send_home(reading, name, RoutedTouchpoint(value or b"", received_ms))
                    continue
                seen = touches[name] = []
            seen.append(touch)
            if touch.links or ":" in name:
                self._note_incoming(reading, touch, value, received_ms)
        reading.counts["read"] += len(records)

    def _adopt(
        self, reading: Reading, batch: PartitionBatch, record: KafkaRecord, flaw: Flaw, now_ms: int
    ) -> tuple[Touch, bytes] | None:
        """The touchpoint that a CloudEvent stands for, with its bytes; None for a record that is set aside."""
        event = cloud_events.read(batch.topic, record.value, record.headers, record.timestamp)
        if event is None:
            _set_aside(reading, flaw.reason, flaw.detail, batch, record, now_ms)
            return None
        touch = event.touch(record.timestamp, self.kinds)
        if not isinstance(touch, Flaw):
            return touch, event.touchpoint or b""
        _set_aside(reading, touch.reason, touch.detail, batch, record, now_ms, event.structured)
        return None

    def _note_incoming(self, reading: Reading, touch: Touch, value: bytes | None, received_ms: int | None) -> None:
        """Keep what linking needs of a touchpoint: the names beside its own, and its bytes where it may be sent on."""
        name = touch.customer
        incoming = reading.incoming.get(name)
        if incoming is None:
            incoming = reading.incoming[name] = Incoming()
        for other in touch.links:
            incoming.links.append((other, ranked_ms(touch.at_ms, is_browser=touch.is_browser), touch.event_id))
        if not self.kinds.is_unique(name):
            incoming.originals.append((value or b"", received_ms))

    def _read_routed(
        self,
        reading: Reading,
        batch: PartitionBatch,
        records: Sequence[KafkaRecord],
        now_ms: int,
        marks: Mapping[str, int],
    ) -> None:
        for record in records:
            # Marks are written with the offsets in step 6, so what was applied and what is dropped always agree.
            mark = mark_of(record.headers, self.partitions)
            if mark is not None and is_repeat(mark[0], mark[1], record.offset, marks, reading.marks):
                reading.counts["repeats"] += 1
                continue
            message = read_routed(record.value, record.timestamp)
            if isinstance(message, RoutedFlaw):
                _set_aside(reading, message.reason, message.detail, batch, record, now_ms)
            elif isinstance(message, RoutedTouchpoint):
                self._read_routed_touchpoint(reading, batch, record, message, now_ms)
            elif home(message.name, self.partitions) != reading.partition:
                self._send_home(reading, message.name, message)
            elif isinstance(message, Erase):
                reading.erased.add(message.name)
            elif isinstance(message, History) and (flaw := self._misfit(message)) is not None:
                _set_aside(reading, flaw.reason, flaw.detail, batch, record, now_ms)
            else:
                incoming = reading.incoming.setdefault(message.name, Incoming())
                if mark is None and isinstance(message, Tie | Member):
                    # Sent again after it was set aside: its sender may have said otherwise since.
                    incoming.late.append(message)
                else:
                    incoming.messages.append(message)
        reading.counts["read"] += len(records)

    def _misfit(self, message: History) -> RoutedFlaw | None:
        """Why a history cannot be merged here, None if it can. In the fold the same fault would end the worker."""
        try:
            self._linking.try_history(message)
        except UnknownDefinitionError as error:
            return RoutedFlaw("newer_version", str(error))
        except UnreadableStateError as error:
            return RoutedFlaw("not_routed", str(error))
        return None

    def _read_routed_touchpoint(
        self, reading: Reading, batch: PartitionBatch, record: KafkaRecord, message: RoutedTouchpoint, now_ms: int
    ) -> None:
        touch = decode(message.value, message.received_at_ms, self.kinds)
        if isinstance(touch, Flaw):
            _set_aside(reading, touch.reason, touch.detail, batch, record, now_ms)
            return
        name = message.name or touch.customer
        if home(name, self.partitions) != reading.partition:
            self._send_home(reading, name, message)
        elif message.name is not None:
            reading.incoming.setdefault(name, Incoming()).under.append((message.alias or touch.customer, touch))
        else:
            reading.touches.setdefault(name, []).append(touch)
            if touch.links or ":" in name:
                self._note_incoming(reading, touch, message.value, message.received_at_ms)

    def _send_home(self, reading: Reading, name: str, message: Routed) -> None:
        reading.counts["routed"] += 1
        reading.messages.append(_routed(name, message, self.partitions))

    def _keep_out(self, reading: Reading, suppressed: Collection[bytes]) -> None:
        """Drop what came for erased names, and ask the senders to forget them."""
        digest = self.erasure.digest
        gone = [name for name in reading.names() if name in reading.erased or digest(name) in suppressed]
        for name in dict.fromkeys(gone):
            incoming = reading.incoming.pop(name, Incoming())
            reading.counts["suppressed"] += len(reading.touches.pop(name, ())) + len(incoming.under)
            messages = self.erasure.answers(name, [*incoming.messages, *incoming.late])
            reading.messages += [_routed(message.name, message, self.partitions) for message in messages]

    def plan(self, reading: Reading, states: Mapping[str, bytes | None], now_ms: int) -> Plan:
        """As `planning`, without pauses."""
        return finished(self.planning(reading, states, now_ms))

    def planning(
        self, reading: Reading, states: Mapping[str, bytes | None], now_ms: int
    ) -> Generator[None, None, Plan]:
        """Step 5, in slices: fold touches into their customers' states, and relate names to each other.

        `states` must have every name of `reading.names()`, with None where there is no record.
        """
        plan = Plan({}, {}, {}, reading.messages, reading.counts, forgotten=reading.forgotten)
        plan.again, plan.dropped_before_ms = reading.again, reading.dropped_before_ms
        related = {
            name: incoming
            for name, incoming in reading.incoming.items()
            if self._linking.concerns(incoming, states[name])
        }
        tally: Tally = {}
        alone = [each for each in reading.touches.items() if each[0] not in related]
        for people in slices(alone):
            self._fold(plan, reading.partition, people, states, now_ms, tally)
            if len(people) < len(alone):
                yield
        plan.aggregates = written(tally)
        for names in slices(list(related), RELATED):
            for name in names:
                self._relate(plan, reading, name, states[name], now_ms)
            if len(names) < len(related):
                yield
        for name in sorted(reading.erased):
            self._erase(plan, reading.partition, name, states[name], now_ms)
        plan.counts["customers"] = len(reading.touches)
        return plan

    def _fold(
        self,
        plan: Plan,
        partition: int,
        people: Iterable[tuple[str, list[Touch]]],
        states: Mapping[str, bytes | None],
        now_ms: int,
        tally: Tally,
    ) -> None:
        membership = self._linking.membership
        for name, touches in people:
            before = states[name]
            change = self.journeys.fold(name, before, touches, now_ms, tally)
            if membership.concerns(touches, before):
                messages = membership.follow(name, change, touches)
                plan.messages += [_routed(message.name, message, self.partitions) for message in messages]
            _enter(plan, partition, name, before, change)

    def _relate(self, plan: Plan, reading: Reading, name: str, before: bytes | None, now_ms: int) -> None:
        relation = self._linking.relate(name, before, reading.touches.get(name, []), reading.incoming[name], now_ms)
        _enter(plan, reading.partition, name, before, relation.change)
        plan.counts.update(relation.counts)
        plan.messages += [_routed(message.name or name, message, self.partitions) for message in relation.messages]

    def _erase(self, plan: Plan, partition: int, name: str, before: bytes | None, now_ms: int) -> None:
        plan.suppressed += self.erasure.entries(name)
        if before is None:
            return
        farewell = self.erasure.farewell(name, before, now_ms)
        plan.removed.append(name)
        plan.counts["erased"] += 1
        _enter(plan, partition, name, before, farewell.change)
        plan.messages += [_routed(message.name, message, self.partitions) for message in farewell.messages]

    def set_aside(self, plan: Plan, batch: PartitionBatch, record: KafkaRecord, detail: str, now_ms: int) -> None:
        """Add to a plan, which was made without the record, that it is rejected as `unforeseen`."""
        plan.counts["read"] += 1
        _set_aside(plan, "unforeseen", detail, batch, record, now_ms)

    def sweep(
        self, partition: int, states: Mapping[str, bytes | None], now_ms: int, dropped_before_ms: int = 0
    ) -> Plan:
        """The plan for customers whose timer has fired: there are no touches, only the clock has moved.

        Where the definitions have changed, their accounts are told what that changes. Drop-offs before
        `dropped_before_ms` are marked as published before.
        """
        plan = Plan({}, {}, {}, [], Counter(), dropped_before_ms=dropped_before_ms)
        tally: Tally = {}
        people: list[tuple[str, list[Touch]]] = [(name, []) for name, before in states.items() if before is not None]
        self._fold(plan, partition, people, states, now_ms, tally)
        plan.aggregates = written(tally)
        return plan


def _enter(plan: Plan, partition: int, customer: str, before: bytes | None, change: Change) -> None:
    """Add the change of one customer to the plan."""
    if change.after != before:
        plan.states[customer] = change.after
    aggregates = plan.aggregates
    for name, difference in change.aggregates.items():
        aggregates[name] = aggregates.get(name, 0) + difference
    if change.arm_ms is not None:
        plan.timers[customer] = change.arm_ms
    counts = plan.counts
    if change.transitions:
        key = customer.encode()
        for transition in change.transitions:
            again = plan.again or (transition.kind == "dropped" and transition.at_ms < plan.dropped_before_ms)
            published = replace(transition, again=True) if again else transition
            plan.messages.append(Message(TRANSITIONS, partition, key, _encode_json(published), again))
            counts[f"{REPORTED}{transition.kind}:{transition.journey}"] += 1
    counts["applied"] += change.applied
    counts["duplicate"] += change.duplicate
    counts["late"] += change.late
    if change.refused:
        counts["instances_refused"] += change.refused


def _routed(name: str, message: Routed, partitions: int) -> Message:
    return Message(ROUTED, home(name, partitions), name.encode(), encode_routed(message))


def _set_aside(
    into: Reading | Plan,
    reason: WorkerReason,
    detail: str,
    batch: PartitionBatch,
    record: KafkaRecord,
    now_ms: int,
    value: bytes | None = None,
) -> None:
    """`value` is kept in place of the record's own, where that is not complete without its headers."""
    into.counts["rejected"] += 1
    into.counts[f"rejected:{reason}"] += 1
    kept = record.value if value is None else value
    into.messages.append(_reject(reason, detail, batch, record, now_ms, kept))


def _reject(
    reason: WorkerReason, detail: str, batch: PartitionBatch, record: KafkaRecord, now_ms: int, value: bytes | None
) -> Message:
    key, detail = record.key, detail[:MAX_DETAIL]
    if value is not None and len(value) > MAX_REJECTED_BYTES:
        value, detail = value[:MAX_REJECTED_BYTES], f"{detail}; the first {MAX_REJECTED_BYTES} bytes are kept here"
    if key is not None and len(key) > MAX_REJECTED_KEY_BYTES:
        key, detail = key[:MAX_REJECTED_KEY_BYTES], f"{detail}; of the key the first {MAX_REJECTED_KEY_BYTES}"
    rejection = Rejection(
        reason=reason,
        detail=detail,
        place=Place(batch.topic, batch.partition, record.offset),
        rejected_at_ms=now_ms,
        value=value,
        key=key,
        received_at_ms=record.timestamp,
    )
    return Message(REJECTED, batch.partition, key, _encode_json(rejection))
