"""The verdict: the data in Redis and Kafka after a known stream, compared with the truth.

The truth is the simulator's simple model (`streams/simulator/truth.py`), which shares no code with the engine.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.topics import REJECTED, ROUTED, TRANSITIONS
from streams.definitions.apply import read_record
from streams.definitions.record import digests
from streams.settings.settings import Settings
from streams.simulator.truth import TrueStages, Truth
from streams.stores.keys import keys
from streams.torture.kafka_view import KafkaView
from tracker.engine.customer import CustomerFold
from tracker.engine.recount import recount
from tracker.journey.definition import Definition
from tracker.records.state import decode


@dataclass(slots=True)
class Verdict:
    """What was found wrong, and what the faults cost."""

    lost: int = 0
    """Customers of the truth without a state, and sequence numbers of messages that were never published."""
    wrong: list[str] = field(default_factory=list)
    """Customers whose state differs from the truth, aggregates that are not the sum of the states, and the like."""
    redelivered: int = 0
    """Messages that were published more than once, identical; `streams/sdk/repeats.py` drops them."""
    customers: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing was counted twice."""
        return not self.lost and not self.wrong


def judge(
    redis: Any,
    kafka: KafkaView,
    settings: Settings,
    definition: Definition,
    truth: Truth,
    *,
    outbox_whole: bool = True,
    sent_again: int = 0,
) -> Verdict:
    """The verdict on a stream that has been applied to its end.

    `outbox_whole`: Redis has lost no write, so every sequence number must have been published. `sent_again`: how many
    routed messages `tracker rejected retry` has sent, which have no number.
    """
    verdict = Verdict()
    record = read_record(redis)
    # States that nobody has met since a change are of an earlier definition; the record knows it.
    journeys = CustomerFold([definition], settings.lateness_horizon_ms, record.former(digests([definition])))
    states: dict[str, bytes] = {}
    for partition in range(settings.partitions):
        names = keys(partition)
        records = {name.decode(): record for name, record in redis.hgetall(names.states).items()}
        doubled = states.keys() & records.keys()
        verdict.wrong.extend(f"{customer} has two homes" for customer in doubled)
        states.update(records)
        aggregates = {name.decode(): int(count) for name, count in redis.hgetall(names.aggregates).items()}
        for found in recount(journeys, records.values(), aggregates):
            verdict.wrong.append(f"{found.field} of {partition} is {found.stored}, the states say {found.summed}")
        if left := redis.llen(names.outbox):
            verdict.wrong.append(f"partition {partition}: {left} batches of messages are left in the outbox")
        _check_offsets(verdict, kafka, partition, redis.hgetall(names.offsets))
    _check_customers(verdict, definition, states, truth.customers())
    _check_messages(verdict, kafka, truth, outbox_whole=outbox_whole, sent_again=sent_again)
    return verdict


def _check_customers(
    verdict: Verdict, definition: Definition, states: Mapping[str, bytes], truth: Mapping[str, TrueStages]
) -> None:
    stages = [stage.name for stage in definition.stages]
    verdict.customers = len(truth)
    for customer, standing in truth.items():
        record = states.get(customer)
        if record is None:
            verdict.lost += 1
        elif (found := _standing(record, stages)) != standing:
            verdict.wrong.append(f"{customer} is {found}, in truth {standing}")
    for stranger in states.keys() - truth.keys():
        if _standing(states[stranger], stages) is not None:
            verdict.wrong.append(f"{stranger} does not exist in truth")


def _standing(record: bytes, stages: Sequence[str]) -> TrueStages | None:
    """Current and furthest stage; None where the journey has not begun.

    A ticket alone begins no journey, and an alias whose history has moved to its customer has none any more.
    """
    for journey in decode(record).journeys[:1]:
        progress = journey.instances[0].progress
        if progress.stage >= 0:
            return TrueStages(stages[progress.stage], stages[progress.furthest])
    return None


def _check_offsets(verdict: Verdict, kafka: KafkaView, partition: int, offsets: Mapping[bytes, bytes]) -> None:
    applied = {topic.decode(): int(offset) for topic, offset in offsets.items()}
    for topic, committed in kafka.committed(partition).items():
        if committed > applied.get(topic, 0):
            verdict.wrong.append(f"{topic}/{partition}: committed {committed}, applied {applied.get(topic, 0)}")


def _check_messages(verdict: Verdict, kafka: KafkaView, truth: Truth, *, outbox_whole: bool, sent_again: int) -> None:
    """Check that every sequence number and every rejection was published, and that repeats are identical."""
    seen: dict[tuple[int, bytes, int, int], bytes | None] = {}
    rejected: Counter[str] = Counter()
    strangers: list[Any] = []
    sequences: dict[int, set[int]] = {}
    for record in kafka.messages(TRANSITIONS, REJECTED, ROUTED):
        number = kafka.number(record)
        if number is None:
            strangers.append(record)
            continue
        if number in seen:
            verdict.redelivered += 1
            if seen[number] != record.value:
                verdict.wrong.append(f"message {number} came twice with different content")
            continue
        seen[number] = record.value
        sequences.setdefault(number[0], set()).add(number[-1])
        if record.topic == REJECTED:
            rejected[kafka.reason(record.value)] += 1
    _check_strangers(verdict, strangers, sent_again)
    if outbox_whole:
        for numbers in sequences.values():
            verdict.lost += max(numbers) - len(numbers)
        if dict(rejected) != truth.rejected():
            verdict.wrong.append(f"rejected {dict(rejected)}, in truth {truth.rejected()}")


def _check_strangers(verdict: Verdict, records: Sequence[Any], sent_again: int) -> None:
    """Check that the messages without a number are those that were sent again."""
    again = [record for record in records if record.topic == ROUTED and not record.headers]
    if len(again) == sent_again == len(records):
        return
    if sent_again:
        verdict.wrong.append(f"{len(again)} messages were sent again, and not {sent_again}")
    verdict.wrong.extend(f"{record.topic}/{record.partition}@{record.offset} has no number" for record in records)
