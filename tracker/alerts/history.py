"""A history: the figures behind the alerts, as the exporter would have served them at each step of recorded time.

Customers are folded by the live engine, one after another, with the clock moving from touchpoint to touchpoint and to
each moment at which the clock alone changes something. It knows no alerts and no files.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from tracker.engine.customer import CustomerFold
from tracker.figures.fields import DAY_MS, FieldName, day_of, parse
from tracker.journey.definition import Definition
from tracker.touch import Touch

MAX_CHANNELS: Final = 50
"""Files may name any channel, and each takes an array; no installation has this many."""

Values = Sequence[int]
"""One value a step."""


class StageHistory:
    """The figures of one stage, by step; flows are cumulative from the beginning."""

    def __init__(self, steps: int) -> None:
        zeros = array("i", [0]) * steps
        self.visits = zeros[:]
        self.here = zeros[:]
        self.exits = zeros[:]
        self.dropoffs = zeros[:]
        self.reached_today = zeros[:]
        """Customers of today's cohort who have reached the stage."""
        self.departures: Values = ()
        """Customers who have left the stage: forward, back, or out of the journey."""
        self.decided: Values = ()
        """Departures and drop-offs: stays with a known outcome. Customers who are still waiting are not in it."""


class FigureHistory:
    """The figures of one journey between two moments."""

    def __init__(self, definition: Definition, first_ms: int, last_ms: int, step_ms: int) -> None:
        # Without segments, because alerts look only at the whole.
        self._journeys = CustomerFold([replace(definition, segments=())])
        self.step_ms: Final = step_ms
        self.start_ms: Final = first_ms // step_ms * step_ms
        self.steps: Final = self.step_of(last_ms) + 1
        self.stages: Final = {stage.name: StageHistory(self.steps) for stage in definition.stages}
        self.begun_today = array("i", [0]) * self.steps
        self.records: dict[str, array[int]] = {}
        """By channel: its touchpoints, cumulative from the beginning."""
        self._fields: dict[str, FieldName] = {}

    def at_ms(self, step: int) -> int:
        """The moment of a step."""
        return self.start_ms + step * self.step_ms

    def step_of(self, at_ms: int) -> int:
        """The first step at or after a moment; 0 for moments before the first step."""
        return max(0, -((self.start_ms - at_ms) // self.step_ms))

    def fold(self, customer: str, touches: Sequence[Touch]) -> None:
        """Count a customer by all their touches, in order of time."""
        record: bytes | None = None
        due_ms: int | None = None
        place = 0
        while True:
            moments = [touches[place].at_ms] if place < len(touches) else []
            step = self.step_of(min([*moments, due_ms] if due_ms is not None else moments, default=1 << 62))
            if step >= self.steps:
                return
            now_ms, begin = self.at_ms(step), place
            while place < len(touches) and touches[place].at_ms <= now_ms:
                self._record(touches[place].channel, step)
                place += 1
            change = self._journeys.fold(customer, record, touches[begin:place], now_ms)
            record, due_ms = change.after, change.due_ms
            self._count(change.aggregates, step)

    def settle(self) -> None:
        """Turn the counts by step into cumulative figures; nothing can be folded after this."""
        for stage in self.stages.values():
            stage.visits, stage.here = _summed(stage.visits), _summed(stage.here)
            stage.exits, stage.dropoffs = _summed(stage.exits), _summed(stage.dropoffs)
            flows = zip(stage.visits, stage.here, stage.exits, strict=True)
            stage.departures = array("i", (came - here + out for came, here, out in flows))
            stage.decided = array("i", (a + b for a, b in zip(stage.departures, stage.dropoffs, strict=True)))
            stage.reached_today = self._by_day(stage.reached_today)
        self.begun_today = self._by_day(self.begun_today)
        self.records = {channel: _summed(counts) for channel, counts in self.records.items()}

    def _record(self, channel: str, step: int) -> None:
        counts = self.records.get(channel)
        if counts is None:
            if len(self.records) >= MAX_CHANNELS:
                return
            counts = self.records[channel] = array("i", [0]) * self.steps
        counts[step] += 1

    def _count(self, aggregates: dict[str, int], step: int) -> None:
        for name, count in aggregates.items():
            field = self._fields.get(name) or self._read(name)
            stage = self.stages.get(field.stage or "")
            if field.figure == "cohort":
                if field.day == self._day(step):
                    self.begun_today[step] += count
            elif stage is None:
                continue
            elif field.figure == "reached":
                if field.day == self._day(step):
                    stage.reached_today[step] += count
            elif field.figure == "current":
                stage.here[step] += count
            elif field.figure in {"visits", "exits", "dropoffs"}:
                getattr(stage, field.figure)[step] += count

    def _read(self, name: str) -> FieldName:
        field = self._fields[name] = parse(name)
        return field

    def _day(self, step: int) -> str:
        return day_of(self.at_ms(step))

    def _by_day(self, counts: Iterable[int]) -> "array[int]":
        """The cumulative counts, beginning again at 0 each UTC day."""
        summed = array("i")
        total, day = 0, -1
        for step, count in enumerate(counts):
            today = self.at_ms(step) // DAY_MS
            total, day = (total if today == day else 0) + count, today
            summed.append(total)
        return summed


def _summed(counts: Iterable[int]) -> "array[int]":
    return array("i", accumulate(counts))
