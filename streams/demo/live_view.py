"""What the demo shows: the funnel as bars on a terminal, or a line a second where there is none.

It draws a `Snapshot` and knows nothing of where the figures come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

from rich.align import Align
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.status import Status
from rich.table import Table
from rich.text import Text

# From cool for the first stages to warm for the last ones; readable on black and on white.
COLOURS: Final = ("#3b82f6", "#2f8fd8", "#2a9db0", "#2fa573", "#8a9a2b", "#c9822b", "#d9534f")
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
LEVELS: Final = "▁▂▃▄▅▆▇█"
FRAMES_PER_S: Final = 8
PLAIN_EVERY_S: Final = 1.0
# Below this width the bars would be too short to compare, so a narrower column makes room for them.
WIDE: Final = 96


@dataclass(frozen=True, slots=True)
class StageBar:
    """One line of the funnel, as Redis has it at this moment."""

    stage: str
    reached: int = 0
    """Customers who came at least so far."""
    here: int = 0
    """Customers who are in the stage now, including those who dropped out in it."""
    dropped: int = 0
    """Customers who were quiet here for longer than the stage allows."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is shown at one moment."""

    elapsed_s: float
    phase: str
    stages: tuple[StageBar, ...]
    planned: int
    """About how many messages the simulation will send in all."""
    sent: int = 0
    applied: int = 0
    lag: int = 0
    copies: int = 0
    poison: int = 0
    sent_per_s: float = 0.0
    applied_per_s: float = 0.0
    rates: tuple[float, ...] = field(default=())
    """The last rates in messages applied a second, oldest first."""


class View(Protocol):
    """Shows snapshots from entering to leaving."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def say(self, line: str) -> None:
        """Show what the demo waits for."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the present moment."""


def view_for(console: Console) -> View:
    """The live view on a terminal that can redraw, else lines."""
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(console)


class PlainView:
    """A line a second, without a single escape code."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._last_s = -PLAIN_EVERY_S
        self._last_phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing to put back."""

    def say(self, line: str) -> None:
        """A line."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """A line, if the last one is a second old or the phase is a new one."""
        if snapshot.elapsed_s - self._last_s < PLAIN_EVERY_S and snapshot.phase == self._last_phase:
            return
        self._last_s, self._last_phase = snapshot.elapsed_s, snapshot.phase
        reached = " > ".join(f"{figures.reached}" for figures in snapshot.stages)
        self.say(
            f"{snapshot.elapsed_s:5.1f} s  sent {snapshot.sent}  applied {snapshot.applied}  "
            f"{snapshot.applied_per_s:.0f}/s  lag {snapshot.lag}  funnel {reached}"
        )


class LiveView:
    """Redraws in place; leaves its last frame standing."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop")
        self._waiting = Status("", console=console, spinner="dots", spinner_style="green")
        self._drawn_s = -1.0
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._waiting.stop()
        self._live.stop()

    def say(self, line: str) -> None:
        """What is being waited for, until the picture is there or the next line comes."""
        self._waiting.update(Text(line, style="bright_black"))
        self._waiting.start()

    def show(self, snapshot: Snapshot) -> None:
        """Draw, at most `FRAMES_PER_S` times a second."""
        if not self._live.is_started:
            self._waiting.stop()
            self._live.start()
        if snapshot.elapsed_s - self._drawn_s < 1 / FRAMES_PER_S and snapshot.phase == self._phase:
            return
        self._drawn_s, self._phase = snapshot.elapsed_s, snapshot.phase
        self._live.update(picture(snapshot, self.console.width), refresh=True)


def picture(snapshot: Snapshot, width: int) -> RenderableType:
    """The whole view, for a terminal of this width; 15 lines high."""
    return Group(
        Text(),
        _head(snapshot, width),
        Rule(style="bright_black"),
        _funnel(snapshot.stages, width),
        Rule(style="bright_black"),
        _pipeline(snapshot, width),
    )


def _head(snapshot: Snapshot, width: int) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    title = Text.assemble((" ● ", "bold green"), ("Customer journeys, live", "bold"))
    if width >= WIDE:
        title.append("   Kafka → Faust → Redis", "bright_black")
    line.add_row(title, Text(f"{snapshot.phase}  {snapshot.elapsed_s:5.1f} s ", "bright_black"))
    return line


def _funnel(stages: Sequence[StageBar], width: int) -> RenderableType:
    wide = width >= WIDE
    names = ("stage", "customers", "", "of all", "of previous" if wide else "of prev.", "here now", "dropped")
    widths = (17, 9, 0, 7, 11 if wide else 8, 8, 7)
    bar_width = max(width - sum(widths) - len(widths) - 1, 8)
    table = Table(box=None, padding=(0, 0, 0, 1), header_style="bright_black", collapse_padding=False)
    for name, column_width in zip(names, widths, strict=True):
        justify: JustifyMethod = "left" if name in {"stage", ""} else "right"
        table.add_column(name, justify=justify, no_wrap=True, width=column_width or bar_width)
    entry = stages[0].reached if stages else 0
    before = 0
    for place, figures in enumerate(stages):
        colour = COLOURS[place * (len(COLOURS) - 1) // max(len(stages) - 1, 1)]
        table.add_row(
            Text(figures.stage.replace("_", " "), f"bold {colour}"),
            Text(f"{figures.reached:,}", "bold"),
            Text(bar(figures.reached, entry, bar_width), colour),
            share(figures.reached, entry),
            share(figures.reached, before) if place else "",
            f"{figures.here:,}",
            Text(f"{figures.dropped:,}" if figures.dropped else "·", "red" if figures.dropped else "bright_black"),
        )
        before = figures.reached
    return table


def _pipeline(snapshot: Snapshot, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(style="bright_black", min_width=9)
    table.add_column()
    done = max(width - 62, 10)
    extra = f"duplicates {snapshot.copies:,}  poison {snapshot.poison:,}"
    table.add_row(
        " sent",
        Text.assemble(
            (f"{snapshot.sent:>7,}", "bold"),
            (f" of {max(snapshot.planned, snapshot.sent):,}  ", "bright_black"),
            (bar(snapshot.sent, snapshot.planned, done).ljust(done), "green"),
            ("  " + extra, "bright_black"),
        ),
    )
    table.add_row(
        " applied",
        Text.assemble(
            (f"{snapshot.applied:>7,}", "bold"),
            (f"  {snapshot.applied_per_s:>7,.0f} events/s  ", ""),
            (sparkline(snapshot.rates, min(max(width - 62, 10), 40)), "green"),
        ),
    )
    lag_s = snapshot.lag / snapshot.sent_per_s if snapshot.sent_per_s > 0 else 0.0
    style = "bold green" if lag_s < 1 else "bold yellow" if lag_s < 5 else "bold red"
    table.add_row(
        " lag",
        Text.assemble(
            (f"{snapshot.lag:>7,}", style),
            (" events" + (f", {lag_s:.1f} s" if snapshot.lag and lag_s else ""), "bright_black"),
        ),
    )
    return table


def bar(value: float, whole: float, width: int) -> str:
    """A bar in eighths of a character; any value above 0 shows at least one eighth."""
    if value <= 0 or whole <= 0:
        return ""
    eighths = max(round(min(value / whole, 1) * width * 8), 1)
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def share(part: int, whole: int) -> str:
    """A percentage short enough for a column: 50 %, 3.0 %, 0.20 %."""
    if not whole:
        return "·"
    percent = 100 * part / whole
    digits = 0 if percent >= 10 else 1 if percent >= 1 else 2
    return f"{percent:.{digits}f} %"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as little columns, the highest one full."""
    shown = values[-width:]
    top = max(shown, default=0)
    if top <= 0:
        return ""
    return "".join(LEVELS[min(int(value / top * len(LEVELS)), len(LEVELS) - 1)] for value in shown)


@dataclass(frozen=True, slots=True)
class Compared:
    """One number, twice."""

    stage: str
    what: str
    simulated: int
    in_redis: int

    @property
    def equal(self) -> bool:
        """Whether both say the same."""
        return self.simulated == self.in_redis


def comparison(lines: Sequence[Compared]) -> RenderableType:
    """The simulated and the tracked figures, side by side, by stage."""
    kinds = list(dict.fromkeys(line.what for line in lines))
    table = Table(box=None, padding=(0, 2), header_style="bright_black", collapse_padding=True)
    table.add_column("stage", no_wrap=True)
    for what in kinds:
        table.add_column(f"{what}:", justify="right", no_wrap=True)
        table.add_column("in Redis", justify="right", no_wrap=True)
        table.add_column("")
    for stage in dict.fromkeys(line.stage for line in lines):
        cells: list[RenderableType] = [Text(stage.replace("_", " "))]
        for line in (line for line in lines if line.stage == stage):
            mark = Text("=", "green") if line.equal else Text("≠", "bold red")
            style = "" if line.equal else "bold red"
            cells += [f"{line.simulated:,}", Text(f"{line.in_redis:,}", style), mark]
        table.add_row(*cells)
    return Align.left(table)
