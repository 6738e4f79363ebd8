"""The demo: simulate, watch, wait until everything is applied, compare the figures in Redis with the truth.

It knows neither servers nor processes: `Pipeline` returns figures and lag, `View` shows them, and the result is a
`DemoOutcome`. The real pipeline is in `streams/demo/pipeline.py`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from streams.demo.live_view import Compared, Snapshot, StageBar, View
from streams.errors import ExitCode, TrackerError
from streams.exporter.figures import Figures
from streams.simulator.run import Simulation, SimulationReport
from tracker.journey.definition import Definition

LOOK_S: Final = 0.2
# Workers that apply nothing for so long while messages wait do not recover by themselves.
STUCK_S: Final = 60.0
# Timers make drop-offs visible; they fire within seconds after the last message.
SETTLE_S: Final = 20.0
# The rate is an average over so many looks, so that it is steady and still follows changes.
RATE_LOOKS: Final = 10
RATES_KEPT: Final = 200
ARRIVING: Final = "customers arrive"


class Pipeline(Protocol):
    """The running tracker, as the demo sees it."""

    def figures(self) -> Figures:
        """The present figures of this demo alone."""

    def applied(self) -> int:
        """Touchpoint messages of this demo that are applied."""

    def lag(self) -> int:
        """Messages in the input topics that are not applied."""

    def rejected(self) -> int:
        """Messages of this demo in the topic of rejections."""

    def check(self) -> None:
        """Raises TrackerError when a part has ended by itself."""


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """How the demo ended."""

    report: SimulationReport
    compared: tuple[Compared, ...]
    simulated_rejections: int
    rejections: int
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether every number in Redis is the simulated one, and all poison was rejected."""
        return all(line.equal for line in self.compared) and self.simulated_rejections == self.rejections


@dataclass
class Demo:
    """One run of it."""

    run: Simulation
    definition: Definition
    pipeline: Pipeline
    view: View
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    now_ms: Callable[[], int] = lambda: int(time.time() * 1000)

    def __post_init__(self) -> None:
        self.stages = tuple(stage.name for stage in self.definition.stages)
        self._samples: deque[tuple[float, int, int]] = deque(maxlen=RATE_LOOKS)
        self._rates: deque[float] = deque(maxlen=RATES_KEPT)
        self._begun = self.clock()

    def play(self) -> DemoOutcome:
        """Run to the end. Raises TrackerError when the simulation fails, a process ends or nothing is applied."""
        self._begun = self.clock()
        simulation = _Simulation(self.run)
        simulation.start()
        try:
            self._watch(simulation)
            report = simulation.result()
            self._catch_up()
            return self._compare(report)
        finally:
            self.run.stop()

    def _watch(self, simulation: "_Simulation") -> None:
        progress = _DemoProgress(self.clock)
        while simulation.is_alive():
            self.pipeline.check()
            applied = self._look(ARRIVING)
            progress.note(applied, waiting=self.run.truth.messages > applied)
            simulation.join(LOOK_S)

    def _catch_up(self) -> None:
        progress = _DemoProgress(self.clock)
        while lag := self.pipeline.lag():
            self.pipeline.check()
            progress.note(self._look("catching up", lag), waiting=True)
            self.sleep(LOOK_S)
        self._look("all applied", 0)

    def _compare(self, report: SimulationReport) -> DemoOutcome:
        until = self.clock() + SETTLE_S
        while True:
            self.pipeline.check()
            outcome = DemoOutcome(
                report,
                tuple(compare(self.run, self.definition, self.pipeline.figures(), self.now_ms())),
                sum(report.poison.values()),
                self.pipeline.rejected(),
                self.clock() - self._begun,
            )
            if outcome.equal or self.clock() > until:
                self._look("done", 0)
                return outcome
            self.sleep(LOOK_S)

    def _look(self, phase: str, lag: int | None = None) -> int:
        """Show the present figures; returns how many messages are applied."""
        run, figures = self.run, self.pipeline.figures()
        # Read before the applied count, so that no message seems to be applied before it was sent.
        sent = run.truth.messages
        applied = self.pipeline.applied()
        now = self.clock()
        self._samples.append((now, sent, applied))
        sent_per_s, applied_per_s = self._rate()
        self._rates.append(applied_per_s)
        self.view.show(
            Snapshot(
                elapsed_s=now - self._begun,
                phase=phase,
                stages=stage_figures(figures, self.definition.journey, self.stages),
                planned=run.scenario.expected_messages or sent if phase == ARRIVING else sent,
                sent=sent,
                applied=min(applied, sent),
                lag=max(sent - applied, 0) if lag is None else lag,
                copies=run.truth.copies,
                poison=sum(run.truth.poison.values()),
                sent_per_s=sent_per_s,
                applied_per_s=applied_per_s,
                rates=tuple(self._rates),
            )
        )
        return applied

    def _rate(self) -> tuple[float, float]:
        (then, sent_then, applied_then), (now, sent, applied) = self._samples[0], self._samples[-1]
        seconds = now - then
        return ((sent - sent_then) / seconds, (applied - applied_then) / seconds) if seconds > 0 else (0.0, 0.0)


class _Simulation(threading.Thread):
    """The simulator in a thread beside the view."""

    def __init__(self, run: Simulation) -> None:
        super().__init__(name="simulator", daemon=True)
        self._simulation = run
        self._report: SimulationReport | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._report = self._simulation.run()
        except Exception as error:  # noqa: BLE001  # raised again by `result`, in the caller's thread
            self._error = error

    def result(self) -> SimulationReport:
        """The report, once the thread has ended; raises what it ended with."""
        self.join()
        if self._error is not None:
            raise self._error
        assert self._report is not None
        return self._report


class _DemoProgress:
    """Notices when nothing is applied any more."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._applied = -1
        self._since = clock()

    def note(self, applied: int, *, waiting: bool) -> None:
        """Raise TrackerError when messages wait and none was applied for `STUCK_S`."""
        now = self._clock()
        if applied != self._applied or not waiting:
            self._applied, self._since = applied, now
        elif now - self._since > STUCK_S:
            raise TrackerError(
                f"The workers have applied nothing for {STUCK_S:.0f} s, and messages wait.",
                "Run it with --keep and TRACKER_LOG_LEVEL=debug, and look at the workers' log.",
                ExitCode.STALLED,
            )


def stage_figures(figures: Figures, journey: str, stages: Sequence[str]) -> tuple[StageBar, ...]:
    """The lines of the funnel, from the figures in Redis."""
    reached = figures.by_stage(journey, "reached", stages)
    here = figures.by_stage(journey, "current", stages)
    dropped = figures.in_status(journey, "dropped", stages)
    return tuple(StageBar(stage, reached[stage], here[stage], dropped[stage]) for stage in stages)


def compare(run: Simulation, definition: Definition, figures: Figures, now_ms: int) -> list[Compared]:
    """Each number of the truth beside the one in Redis: reached, here now, dropped, and the funnel in order."""
    stages = tuple(stage.name for stage in definition.stages)
    journey, truth = definition.journey, run.truth
    limits = [stage.drops_after_ms for stage in definition.stages]
    pairs = {
        "came so far": (truth.visited(), figures.by_stage(journey, "reached", stages)),
        "here now": (truth.current(), figures.by_stage(journey, "current", stages)),
        "dropped": (truth.dropped(limits, now_ms), figures.in_status(journey, "dropped", stages)),
    }
    if not run.scenario.deviations.skips:
        # Without skips, every customer meets the stages in order, so the funnel's depth is the furthest stage.
        pairs["in order"] = (truth.funnel(), figures.funnel(journey, stages))
    return [
        Compared(stage, what, simulated[stage], in_redis[stage])
        for what, (simulated, in_redis) in pairs.items()
        for stage in stages
    ]
