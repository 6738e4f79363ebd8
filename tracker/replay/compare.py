"""A comparison: what a changed definition would make of recorded history.

Each customer is folded by both definitions from the same events. It knows no files.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tracker.journey.definition import Definition
from tracker.replay.columns import Columns
from tracker.replay.replay import Replay
from tracker.replay.report import CustomerResult, Report

SAMPLE: Final = 5

Move = tuple[str | None, str | None]
"""The current stage by the old definition and by the new one; None: not in the journey."""


@dataclass(slots=True)
class Comparison:
    """The results of two definitions for the same customers."""

    old: Report
    new: Report
    moves: Counter[Move] = field(default_factory=Counter)
    samples: dict[Move, list[str]] = field(default_factory=lambda: defaultdict(list))
    """A few customers of each cell of the matrix."""
    deeper: int = 0
    """Customers with a greater funnel depth under the new definition."""
    shallower: int = 0

    @property
    def changed(self) -> int:
        """Customers whose current stage differs."""
        return sum(count for (old, new), count in self.moves.items() if old != new)

    @property
    def customers(self) -> int:
        """Customers who are in the journey by at least one definition."""
        return self.moves.total()

    def rows(self) -> list[str | None]:
        """The stages of the old definition, and None where somebody was in none."""
        return _stages(self.old.definition, any(old is None for old, _ in self.moves))

    def columns(self) -> list[str | None]:
        """The stages of the new definition, and None where somebody is in none."""
        return _stages(self.new.definition, any(new is None for _, new in self.moves))

    def conversions(self) -> list[dict[str, Any]]:
        """By stage of either definition: how many reach that funnel depth, and their share of those who enter."""
        old, new = _funnel(self.old), _funnel(self.new)
        return [_difference(name, old.get(name), new.get(name)) for name in {**new, **old}]

    def as_json(self, rejected: int = 0) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "customers": self.customers,
            "changed": self.changed,
            "deeper": self.deeper,
            "shallower": self.shallower,
            "stages": self.conversions(),
            "matrix": [
                {"old": old, "new": new, "customers": count, "sample": self.samples[old, new]}
                for (old, new), count in sorted(self.moves.items(), key=lambda cell: -cell[1])
            ],
            "old": self.old.as_json(rejected),
            "new": self.new.as_json(rejected),
        }


def _stages(definition: Definition, with_none: bool) -> list[str | None]:
    return [*(stage.name for stage in definition.stages), *([None] if with_none else [])]


def _funnel(report: Report) -> dict[str, tuple[int, float | None]]:
    """By stage: how many reach that funnel depth, and their share of those at the first stage that is not optional."""
    stages, optional = report.figures.stages, report.figures.optional
    asked = (stage for name, stage in zip(report.figures.names, stages, strict=True) if name not in optional)
    entered = next((stage.funnel for stage in asked), 0)
    return {
        name: (stage.funnel, round(stage.funnel / entered, 6) if entered else None)
        for name, stage in zip(report.figures.names, stages, strict=True)
    }


def _difference(
    name: str, old: tuple[int, float | None] | None, new: tuple[int, float | None] | None
) -> dict[str, Any]:
    shares = (old[1] if old else None, new[1] if new else None)
    change = None if shares[0] is None or shares[1] is None else round(shares[1] - shares[0], 6)
    return {
        "stage": name,
        "old": {"funnel": old[0], "conversion": old[1]} if old else None,
        "new": {"funnel": new[0], "conversion": new[1]} if new else None,
        "change": change,
    }


def compare(old: Definition, new: Definition, columns: Columns, now_ms: int | None = None) -> Comparison:
    """Replay both definitions on the same events; the columns must be made for both."""
    before, after = Replay(old, columns, now_ms), Replay(new, columns, now_ms)
    comparison = Comparison(before.report, after.report)
    for one, other in zip(before.customers(), after.customers(), strict=True):
        _count(comparison, {result.name: result for result in one}, {result.name: result for result in other})
    return comparison


def _count(comparison: Comparison, old: Mapping[str, CustomerResult], new: Mapping[str, CustomerResult]) -> None:
    for name in {**old, **new}:
        was, now = old.get(name), new.get(name)
        move = (was.summary.current if was else None, now.summary.current if now else None)
        comparison.moves[move] += 1
        if len(comparison.samples[move]) < SAMPLE:
            comparison.samples[move].append(name)
        difference = (now.summary.funnel_depth if now else 0) - (was.summary.funnel_depth if was else 0)
        comparison.deeper += difference > 0
        comparison.shallower += difference < 0
