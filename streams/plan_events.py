"""The events that a tracking plan is drafted from or checked with: of files, and the newest of Kafka's topics.

It reads and counts; what is made of them is `tracker/plan_draft.py`'s and `tracker/tracking_plan.py`'s.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, NamedTuple

from schemas.topics import touchpoint_topic
from streams.errors import ExitCode, TrackerError, Unreachable
from streams.event_files import Tally, touches
from tracker.decode import Flaw, decode
from tracker.touch import Touch
from tracker.tracking_plan import SourcePlan

POLL_MS: Final = 500
SILENT_AFTER_S: Final = 10.0
CONSUMER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "request_timeout_ms": 10_000,
}


class Seen(NamedTuple):
    """One event as a plan looks at it."""

    type: str
    properties: Mapping[str, Any]


def of_files(files: Sequence[str], types: Collection[str], tally: Tally) -> Iterator[Seen]:
    """The events of files of touchpoints; those of no other type where some are named. Raises TrackerError."""
    return _seen(touches(files, tally), types)


def of_topics(
    consumer: Any, channels: Sequence[str], types: Collection[str], newest: int, tally: Tally
) -> Iterator[Seen]:
    """The newest events of each channel's topic, about so many. Raises TrackerError."""
    for channel in channels:
        yield from _seen(_touches(consumer, touchpoint_topic(channel), newest, tally), types)


def _seen(found: Iterator[Touch], types: Collection[str]) -> Iterator[Seen]:
    return (Seen(each.type, each.properties) for each in found if not types or each.type in types)


def _touches(consumer: Any, topic: str, newest: int, tally: Tally) -> Iterator[Touch]:
    from kafka import TopicPartition

    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TrackerError(f"Kafka lacks {topic}.", "Run `tracker topics create`.", ExitCode.NOT_FOUND)
    places = [TopicPartition(topic, number) for number in sorted(numbers)]
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    consumer.assign(places)
    for place in places:
        consumer.seek(place, max(begins[place], ends[place] - newest // len(places) - 1))
    heard_s = monotonic()
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            heard_s = monotonic()
            for record in records:
                tally.lines += 1
                touch = decode(record.value, record.timestamp)
                if isinstance(touch, Flaw):
                    tally.reject(f"{topic}/{record.partition}", record.offset, touch)
                else:
                    yield touch
        if monotonic() - heard_s > SILENT_AFTER_S:
            raise Unreachable(f"Kafka gives no more of {topic}.", "Look at the broker, then try again.")


@dataclass(slots=True)
class Checked:
    """What came of checking events with a plan."""

    events: int = 0
    bad: int = 0
    by_type: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events by type and kind of violation."""
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    """The first sentence of each."""


def check(plan: SourcePlan, events: Iterator[Seen], advance: Callable[[int], None] = lambda _count: None) -> Checked:
    """Every event with the plan."""
    done = Checked()
    for seen in events:
        done.events += 1
        advance(1)
        violations = plan.violations(seen.type, seen.properties)
        done.bad += bool(violations)
        for violation in violations:
            done.examples.setdefault((seen.type, violation.kind), violation.detail)
        done.by_type.update({(seen.type, violation.kind) for violation in violations})
    return done
