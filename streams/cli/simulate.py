"""`tracker simulate`: send the touchpoints of simulated customers."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from schemas.topics import CHANNELS
from streams.cli.interrupt import ending_in_order
from streams.cli.options import SummaryAsJson
from streams.cli.simulate_output import progress_of, summary
from streams.errors import ExitCode, TrackerError, UsageError
from streams.settings.settings import Settings, read
from streams.simulator.deviations import LIVELY, Deviations, meaning
from streams.simulator.run import Simulation
from streams.simulator.targets import FileTarget, Target, kafka_target, quiet_clients
from streams.simulator.truth import Truth
from streams.simulator.wish import Wish, scenario
from tracker import duration


def _share(deviation: str) -> Any:
    name = deviation.replace("_", "-")
    return typer.Option(f"--{name}", metavar="SHARE", help=f"Share {meaning(deviation)}.", rich_help_panel="Deviations")


def simulate(
    *,
    customers: Annotated[
        int | None, typer.Option(help="How many customers come, in the exact proportions of the funnel.")
    ] = None,
    duration: Annotated[str | None, typer.Option(metavar="TIME", help="How long to send, such as 30s or 5m.")] = None,
    rate: Annotated[float | None, typer.Option(help="Messages per second. Left out: as fast as Kafka accepts.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same messages.")] = 1,
    start: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="When the first touchpoint happens: 2026-11-22T10:00:00Z. Left out: now."),
    ] = None,
    span: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Spread the touchpoints over this time before now. Left out: live with --rate, else 1h.",
        ),
    ] = None,
    skips: Annotated[float, _share("skips")] = LIVELY.skips,
    returns: Annotated[float, _share("returns")] = LIVELY.returns,
    duplicates: Annotated[float, _share("duplicates")] = LIVELY.duplicates,
    disorder: Annotated[float, _share("disorder")] = LIVELY.disorder,
    late: Annotated[float, _share("late")] = LIVELY.late,
    wrong_clocks: Annotated[float, _share("wrong_clocks")] = LIVELY.wrong_clocks,
    anonymous: Annotated[float, _share("anonymous")] = LIVELY.anonymous,
    tickets: Annotated[float, _share("tickets")] = LIVELY.tickets,
    quiet: Annotated[float, _share("quiet")] = LIVELY.quiet,
    poison: Annotated[float, _share("poison")] = LIVELY.poison,
    shared: Annotated[float, _share("shared")] = LIVELY.shared,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the messages to a file instead, one per line.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the stage that each customer must end in, as JSON.")
    ] = None,
    as_json: SummaryAsJson = False,
) -> int:
    """Send the touchpoints of simulated customers who go down a seven-stage funnel.

    Without --customers and --duration, 10,000 customers come. The topics must exist (`tracker topics create`).
    Ctrl-C stops it once the messages on their way are confirmed. A summary of what was sent is printed.

    Examples:
      tracker simulate --rate 200 --duration 5m
      tracker simulate --customers 1000 --duplicates 0.2 --disorder 0.3 --poison 0.01
      tracker simulate --customers 1000 --out events.jsonl --truth truth.json
    """
    deviations = Deviations(
        skips, returns, duplicates, disorder, late, wrong_clocks, anonymous, tickets, quiet, poison, shared
    )
    wish = Wish(
        seed=seed,
        customers=customers,
        rate=rate,
        duration_s=_seconds("duration", duration),
        span_ms=None if span is None else round((_seconds("span", span) or 0) * 1000),
        starts_ms=_moment(start),
        deviations=deviations,
    )
    plan = scenario(wish, int(time.time() * 1000))
    settings = read(os.environ)
    with _target(out, settings) as target:
        run = Simulation(plan, target, Truth(), rate=rate, duration_s=wish.duration_s)
        with ending_in_order(run.stop), progress_of(run) as progress:
            report = run.run(progress)
    if truth is not None:
        _write(truth, run.truth)
    print(msgspec.json.encode(report).decode() if as_json else summary(report, out))
    return ExitCode.INTERRUPTED if run.stopped else ExitCode.OK


@contextmanager
def _target(out: Path | None, settings: Settings) -> Iterator[Target]:
    if out is not None:
        with FileTarget(out) as file:
            yield file
        return
    from streams.clients.clients import kafka_arguments, probe_kafka
    from streams.clients.failures import door
    from streams.sdk.producer import require_topics

    quiet_clients()
    probe_kafka(settings)
    with door(settings), kafka_target(kafka_arguments(settings)) as target:
        # The simulated customers use these three channels, whatever others there are.
        require_topics(target.producer, settings, CHANNELS)
        yield target


def _seconds(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return duration.parse(text) / 1000
    except duration.DurationError as error:
        raise UsageError(f"--{option}: {error}.", f"{error.remedy[0].upper()}{error.remedy[1:]}.") from None


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"--start: {text!r} is not a time.", "Write date, time and offset, such as 2026-11-22T10:00:00Z."
        )
    return round(moment.timestamp() * 1000)


def _write(path: Path, truth: Truth) -> None:
    content = {
        "funnel": truth.funnel(),
        "visited": truth.visited(),
        "current": truth.current(),
        "rejected": truth.rejected(),
        "touchpoints": truth.touchpoints,
        "duplicates": truth.copies,
        "customers": {name: where._asdict() for name, where in truth.customers().items()},
    }
    try:
        path.write_bytes(msgspec.json.encode(content) + b"\n")
    except OSError as error:
        raise TrackerError(f"{path} cannot be written: {error.strerror}.", "Give another file with --truth.") from None
