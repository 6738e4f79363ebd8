"""One simulation: it sends a scenario's events at a given rate to a target and keeps the truth about them.

It prints nothing: the caller gets the progress and a report.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.simulator.pace import paced
from streams.simulator.stream import Scenario, events
from streams.simulator.targets import Target
from streams.simulator.truth import Truth

# How often progress is reported. More is not visible, and a call for each message would cost as much as the message.
PROGRESS_S = 0.1


class SimulationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent."""

    seed: int
    tag: str
    """Part of the name of every customer of this run."""
    starts_ms: int
    messages: int
    confirmed: int
    touchpoints: int
    copies: int
    poison: dict[str, int]
    by_channel: dict[str, int]
    seconds: float
    per_second: float
    customers: int
    funnel: dict[str, int]
    current: dict[str, int]


@dataclass
class Simulation:
    """A simulation that another thread or a signal handler may observe and stop while it runs."""

    scenario: Scenario
    target: Target
    truth: Truth
    rate: float | None = None
    """Messages a second; None: as fast as the target takes them."""
    duration_s: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End after the present message."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def run(self, progress: Callable[[int], Any] | None = None) -> SimulationReport:
        """Send everything; `progress` is called at intervals with the messages sent. Raises DeliveryFailed."""
        begun = reported = time.monotonic()
        target, truth = self.target, self.truth
        schedule = paced(events(self.scenario), self.rate, duration_s=self.duration_s, sleep=self._stop.wait)
        for event in schedule:
            if self.stopped or target.delivery.failed:
                break
            target.send(event)
            truth.add(event)
            if progress and (now := time.monotonic()) - reported > PROGRESS_S:
                reported = now
                progress(truth.messages)
        delivery = target.finish()
        if progress:
            progress(truth.messages)
        delivery.check()
        return self._report(time.monotonic() - begun)

    def _report(self, seconds: float) -> SimulationReport:
        truth, scenario = self.truth, self.scenario
        return SimulationReport(
            seed=scenario.seed,
            tag=scenario.tag,
            starts_ms=scenario.starts_ms,
            messages=truth.messages,
            confirmed=self.target.delivery.confirmed,
            touchpoints=truth.touchpoints,
            copies=truth.copies,
            poison=dict(truth.poison),
            by_channel=dict(truth.by_channel),
            seconds=round(seconds, 3),
            per_second=round(truth.messages / seconds, 1) if seconds else 0.0,
            customers=len(truth.customers()),
            funnel=truth.funnel(),
            current=truth.current(),
        )
