import io
from dataclasses import replace

import pytest
from rich.console import Console

from streams.cli.demo_output import verdict
from streams.demo.demo import Demo
from streams.demo.live_view import PlainView, Snapshot, StageBar, bar, picture, share, sparkline, view_for
from streams.errors import ExitCode, TrackerError
from streams.exporter.figures import Figures
from streams.simulator.deviations import CALM
from streams.simulator.event import NO_STAGE, Event
from streams.simulator.run import Simulation
from streams.simulator.stream import Scenario
from streams.simulator.targets import Confirmations
from streams.simulator.truth import Truth
from tracker.figures.fields import FieldName
from tracker.journey.definition import Definition, Rule, Stage

DAY_MS = 86_400_000
NOW_MS = 1_795_341_600_000
NAMES = ("awareness", "evaluation", "consideration", "purchase_decision", "post_purchase", "repurchase", "loyalty")
DEFINITION = Definition("seven", 1, tuple(Stage(name, (Rule(),), drops_after_ms=7 * DAY_MS) for name in NAMES))
DEVIATIONS = replace(CALM, returns=0.2, duplicates=0.1, disorder=0.2, late=0.1, quiet=0.1, poison=0.02)
SCENARIO = Scenario(starts_ms=NOW_MS - DAY_MS, interval_ms=1, customers=500, deviations=DEVIATIONS)


class Tracker:
    """A pipeline that applies what it is sent the moment somebody looks, `slow` messages behind; also a target."""

    def __init__(self, *, slow: int = 0, lies: int = 0) -> None:
        self.delivery = Confirmations()
        self.messages: list[Event] = []
        self.slow = slow
        self.lies = lies
        self.ended = False

    def send(self, event: Event) -> None:
        self.messages.append(event)
        self.delivery.sent += 1

    def finish(self) -> Confirmations:
        self.delivery.confirmed = self.delivery.sent
        return self.delivery

    def figures(self) -> Figures:
        newest: dict[str, Event] = {}
        met: dict[str, set[int]] = {}
        for event in self.messages:
            if event.stage != NO_STAGE:
                met.setdefault(event.customer, set()).add(event.stage)
                old = newest.get(event.customer, event)
                newest[event.customer] = max(old, event, key=lambda one: (one.at_ms, one.stage))
        counts: dict[FieldName, int] = {}
        for customer, stages in met.items():
            last = newest[customer]
            status = "dropped" if last.at_ms + 7 * DAY_MS < NOW_MS else "active"
            fields = [FieldName("seven", "current", stage=NAMES[last.stage], status=status)]
            fields += [FieldName("seven", "reached", day="d", stage=NAMES[stage]) for stage in stages]
            fields.append(FieldName("seven", "funnel", day="d", stage=NAMES[max(stages)]))
            for field in fields:
                counts[field] = counts.get(field, 0) + 1
        loyal = FieldName("seven", "reached", day="d", stage="loyalty")
        counts[loyal] = counts.get(loyal, 0) + self.lies
        return Figures(counts, {})

    def applied(self) -> int:
        return max(len(self.messages) - self.slow, 0)

    def lag(self) -> int:
        self.slow = max(self.slow - 100, 0)
        return self.slow

    def rejected(self) -> int:
        return sum(bool(event.poison) for event in self.messages)

    def check(self) -> None:
        if self.ended:
            raise TrackerError("The workers have ended.")


class Recorder:
    """A view that keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)


class Clock:
    """A second passes with each sleep."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 1


def demo(tracker: Tracker, view=None) -> Demo:
    """The demo over a tracker in memory."""
    clock = Clock()
    run = Simulation(SCENARIO, tracker, Truth())
    return Demo(run, DEFINITION, tracker, view or Recorder(), clock=clock, sleep=clock.sleep, now_ms=lambda: NOW_MS)


def printed(what, width: int = 80) -> str:
    """What a terminal of this width would show, without its colours."""
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue()


def test_equal_figures_end_well() -> None:
    """With everything applied, each number is the simulated one, drop-offs and the funnel in order included."""
    outcome = demo(Tracker()).play()
    assert outcome.equal
    assert {line.what for line in outcome.compared} == {"came so far", "here now", "dropped", "in order"}
    assert any(line.what == "dropped" and line.simulated for line in outcome.compared)
    assert "All 28 numbers are equal." in printed(verdict(outcome))


def test_one_wrong_number_is_reported() -> None:
    """A single customer too many in one stage is a difference, named with both numbers."""
    outcome = demo(Tracker(lies=1)).play()
    assert not outcome.equal
    assert "came so far, loyalty: 1 ≠ 2" in printed(verdict(outcome), 200)


def test_it_waits_for_the_last_message() -> None:
    """While there is lag, nothing is compared; the view shows the lag shrink."""
    view = Recorder()
    demo(Tracker(slow=350), view).play()
    lags = [shown.lag for shown in view.shown if shown.phase == "catching up"]
    assert lags == sorted(lags, reverse=True)
    assert len(lags) == 3
    assert view.shown[-1].phase == "done"


def test_stuck_workers_end_the_demo() -> None:
    """When nothing moves and messages wait, it ends with a remedy instead of waiting for ever."""
    tracker = Tracker(slow=50)
    tracker.lag = lambda: 50
    with pytest.raises(TrackerError, match="applied nothing for 60 s") as caught:
        demo(tracker).play()
    assert caught.value.exit_code == ExitCode.STALLED


def test_a_dead_worker_ends_the_demo() -> None:
    """A part that ends by itself ends the demo, and the simulator stops sending."""
    tracker = Tracker()
    tracker.ended = True
    playing = demo(tracker)
    with pytest.raises(TrackerError, match="The workers have ended"):
        playing.play()
    assert playing.run.stopped


def test_a_failed_delivery_ends_the_demo() -> None:
    """What the simulator could not deliver is an error of the demo."""
    tracker = Tracker()
    tracker.finish = lambda: tracker.delivery
    with pytest.raises(TrackerError, match="were not confirmed"):
        demo(tracker).play()


STAGES = tuple(
    StageBar(name, count, count // 2, count // 100)
    for name, count in zip(NAMES, (10_000, 5_000, 1_500, 300, 150, 50, 20), strict=True)
)
SNAPSHOT = Snapshot(12.3, "customers arrive", STAGES, 18_000, 9_000, 8_990, 10, 400, 9, 500, 510, (1.0, 5.0, 9.0))


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_picture_fits_the_terminal(width) -> None:
    """No line is wider than the terminal, the view is at most 15 lines high, and every figure is in it."""
    lines = printed(picture(SNAPSHOT, width), width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 15
    text = "\n".join(lines)
    assert all(f"{stage.reached:,}" in text for stage in STAGES)
    assert "purchase decision" in text
    assert "510 events/s" in text


def test_without_a_terminal_lines_are_plain() -> None:
    """In a pipe there is a line a second, and not one escape code."""
    console = Console(file=io.StringIO(), width=80)
    with view_for(console) as view:
        assert isinstance(view, PlainView)
        for tenth in range(25):
            view.show(replace(SNAPSHOT, elapsed_s=tenth / 10))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3
    assert "\x1b" not in console.file.getvalue()
    assert "funnel 10000 > 5000 > 1500 > 300 > 150 > 50 > 20" in lines[0]


def test_on_a_terminal_it_redraws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets the picture, and its cursor back at the end."""
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with view_for(console) as view:
        view.show(SNAPSHOT)
    text = console.file.getvalue()
    assert "Customer journeys, live" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_bars_show_whoever_is_there() -> None:
    """A whole fills the width, a half the half, one in ten thousand the thinnest line, nobody nothing."""
    assert bar(100, 100, 10) == "█" * 10
    assert bar(50, 100, 10) == "█" * 5
    assert bar(1, 10_000, 10) == "▏"
    assert bar(0, 100, 10) == bar(5, 0, 10) == ""


def test_shares_keep_their_digits() -> None:
    """Small shares have the digits that distinguish them."""
    assert [share(part, 10_000) for part in (5_000, 300, 20)] == ["50 %", "3.0 %", "0.20 %"]
    assert share(1, 0) == "·"


def test_the_sparkline_is_relative() -> None:
    """The highest of the values shown is full; without values there is nothing."""
    assert sparkline([0, 4, 8], 10) == "▁▅█"
    assert sparkline([9, 0, 4, 8], 3) == "▁▅█"
    assert sparkline([], 5) == sparkline([0, 0], 5) == ""
