"""The report of a replay: its figures, and their form as JSON."""

from array import array
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any, Final, NamedTuple

from tracker.engine.chain import Link, seconds_to_reach
from tracker.engine.summary import Summary
from tracker.journey.definition import Definition

OPEN: Final = frozenset({"waiting", "active"})
"""Statuses of customers who have neither completed, dropped off nor exited."""
NO_TIMES: Final = {"median": None, "mean": None}


class CustomerResult(NamedTuple):
    """The result of one customer, or of one instance of a keyed journey."""

    customer: str
    summary: Summary
    chain: list[Link]
    """The touchpoints that took the customer to their funnel depth."""
    value: str | None
    """The breakdown's value for this customer, where one was asked for."""

    @property
    def name(self) -> str:
        """The customer, with the instance of a keyed journey."""
        return self.customer if self.summary.key is None else f"{self.customer}/{self.summary.key}"


@dataclass(slots=True)
class StageFigures:
    """The counts of one stage."""

    reached: int = 0
    current: int = 0
    dropped: int = 0
    waiting: int = 0
    funnel: int = 0
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds from the step before, along the funnel chain, of each customer who made the step."""

    def as_json(self, name: str) -> dict[str, Any]:
        """The figures in the form that `--json` prints."""
        waits = self.waits
        times = {"median": _rounded(median(waits)), "mean": _rounded(fmean(waits))} if waits else dict(NO_TIMES)
        return {
            "stage": name,
            "reached": self.reached,
            "current": self.current,
            "dropped": self.dropped,
            "waiting": self.waiting,
            "funnel": self.funnel,
            "seconds_to_reach": {**times, "n": len(waits)},
        }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


class ReplayFigures:
    """The figures of a set of customers, by stage."""

    def __init__(self, definition: Definition) -> None:
        self.names: Final = [stage.name for stage in definition.stages]
        self.optional: Final = definition.optional_steps
        """Their funnel counts who took them, not who passed them by."""
        self.stages: Final = [StageFigures() for _ in self.names]
        self._place = {name: place for place, name in enumerate(self.names)}
        self.customers = 0

    def add(self, result: CustomerResult) -> None:
        """Count one customer."""
        summary, place, stages = result.summary, self._place, self.stages
        self.customers += 1
        for name in summary.reached:
            stages[place[name]].reached += 1
        current = stages[place[summary.current]]
        current.current += 1
        current.dropped += summary.status == "dropped"
        current.waiting += summary.status in OPEN
        for name, stage in zip(self.names[: summary.funnel_depth], stages, strict=False):
            stage.funnel += name not in self.optional or name in summary.taken
        if result.chain:
            for step, seconds in seconds_to_reach(result.chain).items():
                stages[step].waits.append(seconds)

    def as_json(self) -> list[dict[str, Any]]:
        """The stages in the form that `--json` prints."""
        return [stage.as_json(name) for name, stage in zip(self.names, self.stages, strict=True)]


@dataclass(slots=True)
class Report:
    """The results of a replay."""

    definition: Definition
    now_ms: int
    figures: ReplayFigures
    by: dict[str, ReplayFigures] | None
    accounts: ReplayFigures | None = None
    """The figures of the journey of accounts, where the definition has one."""
    applied: int = 0
    duplicate: int = 0
    left_out: int | None = None
    """Customers who entered outside of the span that was asked for; None: no span was."""

    def as_json(self, rejected: int = 0) -> dict[str, Any]:
        """The object that `--json` prints, without single customers."""
        document: dict[str, Any] = {
            "journey": self.definition.journey,
            "version": self.definition.version,
            "customers": self.figures.customers,
            "stages": self.figures.as_json(),
        }
        if self.left_out is not None:
            document["left_out"] = self.left_out
        if self.by is not None:
            document["by"] = {value: figures.as_json() for value, figures in self.by.items()}
        if self.accounts is not None and self.definition.accounts is not None:
            name, figures = self.definition.accounts.journey, self.accounts
            document["accounts"] = {"journey": name, "accounts": figures.customers, "stages": figures.as_json()}
        # Nothing is late: the set is complete before it is folded.
        counts = {"applied": self.applied, "duplicate": self.duplicate, "late": 0, "rejected": rejected}
        return document | {"events": counts}


def customer_as_json(result: CustomerResult, show_time: Any) -> dict[str, Any]:
    """One customer in the form that `--customers --json` prints; `show_time` writes a moment."""
    summary = result.summary
    return {
        "current": summary.current,
        "furthest": summary.furthest,
        "reached": {name: show_time(at_ms) for name, at_ms in summary.reached.items()},
        "funnel_depth": summary.funnel_depth,
        "status": summary.status,
        "dropped_at": show_time(summary.dropped_ms),
        "recovered_at": show_time(summary.recovered_ms),
    }
