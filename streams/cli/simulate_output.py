"""What `tracker simulate` shows: a progress bar while it runs, a summary when it is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.process.terminal import unfiltered
from streams.simulator.run import Simulation, SimulationReport


@contextmanager
def progress_of(run: Simulation) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr where that is a terminal; gives the function that moves it, or None."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(file=unfiltered(sys.stderr))
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} messages"),
        _speed(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=_total(run))
        yield lambda sent: progress.update(task, completed=sent)


def _speed() -> Any:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Speed(ProgressColumn):
        """Messages a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s", "dim")

    return Speed()


def _total(run: Simulation) -> float | None:
    expected = run.scenario.expected_messages
    if run.duration_s is not None and run.rate is not None:
        timed = run.duration_s * run.rate
        return timed if expected is None else min(expected, timed)
    return expected


def summary(report: SimulationReport, out: Path | None) -> str:
    """The report as text."""
    where = f"into {out}" if out else f"at {report.per_second:,.0f}/s, all confirmed by Kafka"
    kinds = [f"{report.copies:,} duplicates", f"{sum(report.poison.values()):,} poison messages"]
    channels = ", ".join(f"{name} {count:,}" for name, count in sorted(report.by_channel.items()))
    lines = [
        f"{report.messages:,} messages in {report.seconds:.1f} s {where}",
        f"  {report.touchpoints:,} touchpoints, {' and '.join(kinds)} ({channels})",
        f"  {report.customers:,} customers, named c-{report.tag}-0 and so on; seed {report.seed}",
        "  customers who reached each stage:",
    ]
    widest = max(map(len, report.funnel), default=0)
    lines += [f"    {stage.replace('_', ' '):<{widest}}  {count:>9,}" for stage, count in report.funnel.items()]
    return "\n".join(lines)
