"""`tracker backtest`: the alerts that recorded events would have raised; no server is needed.

It prints what `tracker/alerts/backtest.py` finds.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final

import typer

from schemas.topics import touchpoint_topic
from streams.cli.event_input import EventInput, Form, Maps, Sources
from streams.cli.options import AsJson, Events, JourneyFile, Until
from streams.cli.paint import Paint
from streams.cli.replay import named, outcome, say_what_was_read
from streams.cli.spans import lasting
from streams.errors import ExitCode, UsageError
from streams.events.files import ReadTally
from streams.events.gathering import Gathered, gather_from, moment, show_time, watched
from streams.settings.settings import read
from tracker.alerts.backtest import Backtest, BacktestRow, Firing, as_data
from tracker.alerts.history import FigureHistory
from tracker.alerts.rules import MINUTE_MS
from tracker.duration import DurationError, parse
from tracker.journey.definition import Definition
from tracker.journey.file import load
from tracker.moment import TimeSpan
from tracker.replay.replay import unique
from tracker.touch import Touch

ODDS: Final = "1.5,2,3"
Z: Final = "2,3,4,5"
SHOWN: Final = 50
LONGEST_STEP_MS: Final = 5 * MINUTE_MS
"""Prometheus looks back five minutes for a value; with longer steps its rules would find none."""
MAX_FIGURES: Final = 10_000_000
"""Steps times stages: two years of nine stages, minute by minute, take 300 MB."""


def backtest(
    definition: JourneyFile,
    events: Events = None,
    *,
    truth: Annotated[
        list[str] | None,
        typer.Option(metavar="T", help="A time at which something went wrong; repeat it for more."),
    ] = None,
    odds: Annotated[str, typer.Option(metavar="LIST", help="Odds ratios of a drop-off spike to try.")] = ODDS,
    z: Annotated[str, typer.Option(metavar="LIST", help="z scores of a drop-off spike to try.")] = Z,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often the rules are evaluated, at most 5m.")] = "1m",
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Read the touchpoints that Kafka still holds, instead of files.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Start at this time. Left out: at the first event.")
    ] = None,
    until: Until = None,
    maps: Maps = None,
    sources: Sources = None,
    form: Form = None,
    as_json: AsJson = False,
) -> int:
    """Show which alerts recorded touchpoints would have raised.

    The touchpoints go through the engine of the live tracker, step by step in time. At each step the alerts about
    customers are evaluated on the figures of that time, with the thresholds of the journey file. Each alert is printed
    with its start, duration and figures. A table shows how often the drop-off spike would have fired per week at other
    thresholds.

    Nothing is judged in the first 25 hours, since alerts compare with the day before. The delay of a drop-off spike is
    counted from the time at which the excess began by the figures, the delay of a stalled stage from the last customer
    who left it. With --truth the delay is counted from that time, and an alert up to six hours after it is not false.

    Exit codes: 1 when no alert followed a --truth, or when no line is a touchpoint.

    Examples:
      tracker backtest my-journey.yaml events/*.jsonl.gz
      tracker backtest my-journey.yaml events.jsonl --truth 2026-11-03T14:00:00Z --json
      zcat events/*.gz | tracker backtest my-journey.yaml - --odds 1.5,2,2.5 --z 3,4
      tracker backtest my-journey.yaml orders.csv --map examples/imports/orders.yaml
      tracker backtest my-journey.yaml --kafka
    """
    journey = load(definition)
    step_ms = _step(every)
    sizes, limits = _numbers("--odds", odds), _numbers("--z", z)
    truths = [at for each in truth or [] if (at := moment("--truth", each)) is not None]
    until_ms = moment("--until", until)
    if kafka and maps:
        raise UsageError("--map is about files, not --kafka.", "Give files or --kafka, not both.")
    if kafka:
        gathered = held(journey, events, until_ms)
    else:
        gathered = EventInput(named(events), maps or (), sources or (), form, TimeSpan(None, until_ms)).gather(
            [journey]
        )
    history = folded(gathered, begun(journey, gathered, moment("--since", since), step_ms))
    tested = Backtest(journey, history, truths)
    firings, rows = tested.firings(), tested.sweep(sizes, limits)
    if as_json:
        counts = {"read": gathered.tally.lines, "rejected": gathered.tally.rejected}
        print(json.dumps(as_data(tested, firings, rows, show_time) | {"events": counts}, ensure_ascii=False))
    else:
        draw(tested, firings, rows)
    say_what_was_read(gathered)
    return code(gathered, tested, firings)


def held(journey: Definition, events: list[str] | None, until_ms: int | None) -> Gathered:
    """The touchpoints that Kafka still holds, of all channels in the settings."""
    if events:
        raise UsageError("Files and --kafka cannot be combined.", "Give files or --kafka, not both.")
    from streams.events.from_kafka import opened, touches_of

    settings = read(os.environ)

    def source(tally: ReadTally, show: Callable[[int, int], None]) -> Iterator[Touch]:
        with opened(settings) as consumer:
            for channel in settings.channels:
                for touch in touches_of(
                    consumer, touchpoint_topic(channel), tally, progress=show, kinds=settings.kinds
                ):
                    if until_ms is None or touch.at_ms <= until_ms:
                        yield touch
                    else:
                        tally.cut += 1

    return gather_from([journey], source, kinds=settings.kinds)


def begun(journey: Definition, gathered: Gathered, since_ms: int | None, step_ms: int) -> FigureHistory:
    """A history without customers yet; raises UsageError for one that is too long for the memory."""
    oldest_ms, newest_ms = gathered.columns.oldest_ms or 0, gathered.columns.newest_ms or 0
    first_ms = oldest_ms if since_ms is None else since_ms
    if first_ms > newest_ms:
        raise UsageError(f"--since: the last event is of {show_time(newest_ms)}.", "Give an earlier time.")
    most = MAX_FIGURES // len(journey.stages)
    if (newest_ms - first_ms) // step_ms > most:
        is_enough = (newest_ms - first_ms) // LONGEST_STEP_MS <= most
        raise UsageError(
            f"{show_time(first_ms)} to {show_time(newest_ms)} is too much for --every {step_ms // 1000}s.",
            f"{'Use --every 5m. ' * is_enough}If a few events have wrong times, cut them off with --since or --until.",
        )
    return FigureHistory(journey, first_ms, newest_ms, step_ms)


def folded(gathered: Gathered, history: FigureHistory) -> FigureHistory:
    """The history with all customers in it."""
    columns = gathered.columns
    for customer, theirs in watched(columns.customers()):
        history.fold(customer, [columns.touch(customer, event) for event in unique(columns, theirs)])
    history.settle()
    return history


def code(gathered: Gathered, tested: Backtest, firings: Sequence[Firing]) -> ExitCode:
    """FAILED where no line is a touchpoint, or where no alert followed one of the truths."""
    found = {tested.truth_of(firing.start_ms) for firing in firings if not firing.silenced}
    return outcome(gathered) or (ExitCode.FAILED if set(tested.truths_ms) - found else ExitCode.OK)


def _step(every: str) -> int:
    try:
        step_ms = parse(every)
    except DurationError as error:
        raise UsageError(f"--every: {error}", error.remedy) from None
    if not step_ms or step_ms > LONGEST_STEP_MS or (15 * MINUTE_MS) % step_ms:
        raise UsageError(
            f"--every: {every!r} is not a step that divides 15m.", "Use 15s, 1m, 5m or another divisor up to 5m."
        )
    return step_ms


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = sorted({float(each) for each in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= each <= 1000 for each in numbers):
        raise UsageError(
            f"{option}: {text!r} is not a list of numbers.", "Write numbers from 1 to 1000, such as 1.5,2,3."
        )
    return numbers


def draw(tested: Backtest, firings: Sequence[Firing], rows: Sequence[BacktestRow]) -> None:
    """Print the result as text."""
    paint = Paint(sys.stdout)
    definition, history, weeks = tested.definition, tested.history, tested.weeks
    title = paint("bold", definition.title or definition.journey)
    span = f"{show_time(history.start_ms)} to {show_time(history.at_ms(history.steps - 1))}"
    print(f"{title}  version {definition.version}  {span}, {weeks:.1f} weeks judged\n")
    if not weeks:
        print(
            paint(
                "yellow", "Nothing could be judged: alerts compare with the day before, which the events do not cover."
            )
        )
        return
    print("\n".join(_lines(tested, firings, paint)) if firings else paint("green", "No alert would have fired."))
    print(f"\n{paint('bold', 'JourneyDropoffSpike at other thresholds')}")
    print("\n".join(_table(tested, rows, paint)))


def _lines(tested: Backtest, firings: Sequence[Firing], paint: Paint) -> list[str]:
    width = max(len(one.stage or one.channel or "") for one in firings)
    head = f"{'fired':<20}  {'for':>9}  {'alert':<22}  {'stage':<{width}}  {'delay':>9}"
    lines = [paint("dim", f"{head}  figures")]
    for one in firings[:SHOWN]:
        lasts = "ongoing" if one.end_ms is None else lasting((one.end_ms - one.start_ms) / 1000)
        delay = "-" if one.delay_ms is None else lasting(one.delay_ms / 1000)
        place = f"{one.stage or one.channel:<{width}}"
        false = bool(tested.truths_ms) and tested.truth_of(one.start_ms) is None
        notes = [*(["false alarm"] if false else []), *(["inhibited: a source was silent"] if one.silenced else [])]
        alert = paint("red" if one.severity == "page" else "yellow", f"{one.alert:<22}")
        said = "; ".join([_figures(one), *notes] if one.figures else notes)
        lines.append(f"{show_time(one.start_ms):<20}  {lasts:>9}  {alert}  {place}  {delay:>9}  {said}".rstrip())
    if len(firings) > SHOWN:
        lines.append(f"… and {len(firings) - SHOWN:,} more; --json prints all")
    return lines


def _figures(one: Firing) -> str:
    figures = one.figures
    if "share" not in figures:
        return f"{figures['customers']:,.0f} came, none left"
    shares = f"{100 * figures['share']:.1f} %, before {100 * figures['share_before']:.1f} %"
    return f"{shares}, {figures['customers']:,.0f} customers, z {figures['z']:.1f}"


def _table(tested: Backtest, rows: Sequence[BacktestRow], paint: Paint) -> list[str]:
    truths = len(tested.truths_ms)
    found = f"  {'found':>7}  {'delay':>9}" if truths else ""
    counted = "false alarms a week" if truths else "alarms a week"
    lines = [paint("dim", f"{'odds':>6} {'z':>5}  {'alarms':>7}  {counted:>19}{found}")]
    for row in rows:
        delay = "-" if row.delay_ms is None else lasting(row.delay_ms / 1000)
        cells = f"  {f'{row.found} of {truths}':>7}  {delay:>9}" if truths else ""
        lines.append(f"{row.odds:>6g} {row.z:>5g}  {row.alarms:>7,}  {row.false / tested.weeks:>19.2f}{cells}")
    return lines
