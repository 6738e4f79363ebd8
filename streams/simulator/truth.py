"""The truth: the figures that the tracker must have after a known stream, computed by a simple model.

It is an oracle for tests and the demo, and shares no code with the engine. The newest touchpoint decides the current
stage and the highest one the furthest stage. Both are a maximum over a set, so order and repetition do not matter.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from streams.simulator.event import NO_STAGE, Event
from streams.simulator.poison import KINDS
from streams.simulator.steps import SEVEN_STAGES

REASONS = {kind.kind: kind.reason for kind in KINDS}
STAGES = tuple(step.stage for step in SEVEN_STAGES)


class TrueStages(NamedTuple):
    """Where a customer is, and the furthest they came."""

    current: str
    furthest: str


class _Customer(msgspec.Struct, gc=False):
    last_ms: int
    """The newest touchpoint of any kind: a customer who opens a ticket has not gone quiet."""
    newest: tuple[int, int, str] = (0, NO_STAGE, "")
    """Moment, stage, event id of the newest that belongs to a stage: the order in which touchpoints count."""
    furthest: int = NO_STAGE
    seen: int = 0
    """The stages that they were ever in, one bit each."""


class Truth:
    """The truth about a stream, event by event."""

    def __init__(self, stages: Sequence[str] = STAGES) -> None:
        self.stages = tuple(stages)
        self.messages = 0
        self.touchpoints = 0
        """Different touchpoints; copies and poison are not counted."""
        self.copies = 0
        self.poison: Counter[str] = Counter()
        self.by_channel: Counter[str] = Counter()
        self._all: dict[str, _Customer] = {}

    def add(self, event: Event) -> None:
        """Count one message of the stream."""
        self.messages += 1
        self.by_channel[event.channel] += 1
        if event.poison:
            self.poison[event.poison] += 1
            return
        if event.copy:
            self.copies += 1
            return
        self.touchpoints += 1
        seen = self._all.get(event.person)
        if seen is None:
            seen = self._all[event.person] = _Customer(event.at_ms)
        seen.last_ms = max(seen.last_ms, event.at_ms)
        if event.stage != NO_STAGE:
            seen.newest = max(seen.newest, (event.at_ms, event.stage, event.event_id))
            seen.furthest = max(seen.furthest, event.stage)
            seen.seen |= 1 << event.stage

    def watch(self, events: Iterable[Event]) -> Iterable[Event]:
        """The same events, each counted as it passes."""
        for event in events:
            self.add(event)
            yield event

    def funnel(self) -> dict[str, int]:
        """By stage, the customers who came at least that far."""
        furthest = Counter(customer.furthest for customer in self._begun())
        result, so_far = {}, 0
        for place in reversed(range(len(self.stages))):
            so_far += furthest[place]
            result[self.stages[place]] = so_far
        return {stage: result[stage] for stage in self.stages}

    def visited(self) -> dict[str, int]:
        """By stage, the customers who were ever there: without skips, the funnel."""
        masks = Counter(customer.seen for customer in self._begun())
        return {
            stage: sum(count for mask, count in masks.items() if mask >> place & 1)
            for place, stage in enumerate(self.stages)
        }

    def current(self) -> dict[str, int]:
        """By stage, the customers who are there now."""
        counts = Counter(customer.newest[1] for customer in self._begun())
        return {stage: counts[place] for place, stage in enumerate(self.stages)}

    def dropped(self, drops_after_ms: Sequence[int | None], now_ms: int) -> dict[str, int]:
        """By stage, the customers who have been quiet there for longer than it allows."""
        counts: Counter[int] = Counter()
        for customer in self._begun():
            stage = customer.newest[1]
            allowed_ms = drops_after_ms[stage]
            counts[stage] += allowed_ms is not None and now_ms > customer.last_ms + allowed_ms
        return {stage: counts[place] for place, stage in enumerate(self.stages)}

    def customers(self) -> dict[str, TrueStages]:
        """By customer, the current and the furthest stage."""
        stages = self.stages
        return {
            name: TrueStages(stages[customer.newest[1]], stages[customer.furthest])
            for name, customer in self._all.items()
            if customer.furthest != NO_STAGE
        }

    def most_loyal(self) -> str:
        """A customer who came as far as anyone; empty where there is none."""
        return max(self._all, key=lambda name: self._all[name].furthest, default="")

    def rejected(self) -> dict[str, int]:
        """By reason, the messages that must be in the topic of rejections."""
        reasons: Counter[str] = Counter()
        for kind, count in self.poison.items():
            reasons[REASONS[kind]] += count
        return dict(reasons)

    def _begun(self) -> Iterator[_Customer]:
        """Those whose journey has begun: a ticket alone is no journey."""
        return (customer for customer in self._all.values() if customer.furthest != NO_STAGE)
