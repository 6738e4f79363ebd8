"""The events from which a tracking plan is drafted, or with which it is checked: of files or of Kafka's topics.

It reads and counts; `tracker/tracking_plans` drafts and checks.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.topics import touchpoint_topic
from streams.events.files import ReadTally, touches
from streams.events.from_kafka import touches_of
from tracker.touch import Touch
from tracker.tracking_plans.tracking_plan import SourcePlan


class Seen(NamedTuple):
    """The parts of an event that a plan describes."""

    type: str
    properties: Mapping[str, Any]


def of_files(files: Sequence[str], types: Collection[str], tally: ReadTally) -> Iterator[Seen]:
    """The events of files of touchpoints, only those of the given types if there are any. Raises TrackerError."""
    return _seen(touches(files, tally), types)


def of_topics(
    consumer: Any, channels: Sequence[str], types: Collection[str], newest: int, tally: ReadTally
) -> Iterator[Seen]:
    """About `newest` of the newest events of each channel's topic. Raises TrackerError."""
    for channel in channels:
        yield from _seen(touches_of(consumer, touchpoint_topic(channel), tally, newest), types)


def _seen(found: Iterator[Touch], types: Collection[str]) -> Iterator[Seen]:
    return (Seen(each.type, each.properties) for each in found if not types or each.type in types)


@dataclass(slots=True)
class Checked:
    """The result of checking events with a plan."""

    events: int = 0
    bad: int = 0
    by_type: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events by type and kind of violation."""
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    """By type and kind of violation, the first description."""


def check(plan: SourcePlan, events: Iterator[Seen], advance: Callable[[int], None] = lambda _count: None) -> Checked:
    """Check every event with the plan."""
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
