"""`tracker backtest`: the alerts over recorded events, with no server at all.

It draws what tracker/alerts/backtest.py finds.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final

import typer

from schemas.topics import touchpoint_topic
from streams.cli.options import AsJson, Events, JourneyFile, Until
from streams.cli.paint import Paint
from streams.cli.replay import named, outcome, say_what_was_read
from streams.cli.spans import lasting
from streams.errors import ExitCode, UsageError
from streams.events.files import ReadTally
from streams.events.gathering import Gathered, gather, gather_from, moment, show_time, watched
from streams.settings.settings import kinds, read
from tracker.alerts.backtest import Backtest, BacktestRow, Firing, as_data
from tracker.alerts.history import FigureHistory
from tracker.alerts.rules import MINUTE_MS
from tracker.duration import DurationError, parse
from tracker.journey.definition import Definition
from tracker.journey.file import load
from tracker.replay.replay import unique
from tracker.touch import Touch

ODDS: Final = "1.5,2,3"
Z: Final = "2,3,4,5"
SHOWN: Final = 50
LONGEST_STEP_MS: Final = 5 * MINUTE_MS
"""Prometheus looks back no further for a value."""
MAX_FIGURES: Final = 10_000_000
"""Steps by stages: two years of nine stages minute by minute, in 300 MB."""


def backtest(
    definition: JourneyFile,
    events: Events = None,
    *,
    truth: Annotated[
        list[str] | None,
        typer.Option(metavar="T", help="Something went wrong at this moment; may be given again."),
    ] = None,
    odds: Annotated[str, typer.Option(metavar="LIST", help="Sizes of a drop-off spike to try.")] = ODDS,
    z: Annotated[str, typer.Option(metavar="LIST", help="Significances of a drop-off spike to try.")] = Z,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often the rules are computed, up to 5m.")] = "1m",
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Read the touchpoints that Kafka still holds, instead of files.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Look from this moment on. Left out: from the first event.")
    ] = None,
    until: Until = None,
    as_json: AsJson = False,
) -> int:
    """Tell which alerts recorded touchpoints would have raised.

    The touchpoints go through the engine of the live tracker while the clock moves, and the alerts about customers are
    computed at each step from the figures of that moment, with the thresholds of the journey file. Each alert is shown
    with its beginning, end and figures; then how often the drop-off spike would have fired a week at other thresholds.

    Nothing is judged in the first day and hour: there is nothing to compare with. The delay of a drop-off spike counts
    from where the figures say that the excess began, of a stalled stage from the last who left. With --truth it counts
    from there, and what fires within six hours is no false alarm; exit code 1 says that nothing told of a truth.

    Examples:
      tracker backtest my-journey.yaml events/*.jsonl.gz
      tracker backtest my-journey.yaml events.jsonl --truth 2026-11-03T14:00:00Z --json
      zcat events/*.gz | tracker backtest my-journey.yaml - --odds 1.5,2,2.5 --z 3,4
      tracker backtest my-journey.yaml --kafka
    """
    journey = load(definition)
    step_ms = _step(every)
    sizes, limits = _numbers("--odds", odds), _numbers("--z", z)
    truths = [at for each in truth or [] if (at := moment("--truth", each)) is not None]
    until_ms = moment("--until", until)
    if kafka:
        gathered = held(journey, events, until_ms)
    else:
        gathered = gather([journey], named(events), until_ms=until_ms, kinds=kinds(os.environ))
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
    """What Kafka still holds of the channels that the settings name."""
    if events:
        raise UsageError("Files and --kafka contradict each other.", "Name files, or say --kafka.")
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
    """A history without customers; raises UsageError for one that is too long to be held."""
    oldest_ms, newest_ms = gathered.columns.oldest_ms or 0, gathered.columns.newest_ms or 0
    first_ms = oldest_ms if since_ms is None else since_ms
    if first_ms > newest_ms:
        raise UsageError(f"--since: the last event is of {show_time(newest_ms)}.", "Name an earlier moment.")
    if (newest_ms - first_ms) // step_ms * len(journey.stages) > MAX_FIGURES:
        raise UsageError(
            f"{show_time(first_ms)} to {show_time(newest_ms)} is too much for --every {step_ms // 1000}s.",
            "Say --since or --until where a few have odd times, else --every 5m.",
        )
    return FigureHistory(journey, first_ms, newest_ms, step_ms)


def folded(gathered: Gathered, history: FigureHistory) -> FigureHistory:
    """The history with all customers in it."""
    columns = gathered.columns
    for customer, theirs in watched(columns.customers()):
        history.fold(customer, [columns.touch(customer, event) for event in unique(theirs)])
    history.settle()
    return history


def code(gathered: Gathered, tested: Backtest, firings: Sequence[Firing]) -> ExitCode:
    """FAILED where nothing was read, or where something went wrong that no alert told of."""
    told = {tested.truth_of(firing.start_ms) for firing in firings if not firing.silenced}
    return outcome(gathered) or (ExitCode.FAILED if set(tested.truths_ms) - told else ExitCode.OK)


def _step(every: str) -> int:
    try:
        step_ms = parse(every)
    except DurationError as error:
        raise UsageError(f"--every: {error}", error.remedy) from None
    if not step_ms or step_ms > LONGEST_STEP_MS or (15 * MINUTE_MS) % step_ms:
        raise UsageError(f"--every: {every!r} does not fit.", "Say a part of 15m up to 5m, such as 15s, 1m or 5m.")
    return step_ms


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = sorted({float(each) for each in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= each <= 1000 for each in numbers):
        raise UsageError(f"{option}: {text!r} is no list of numbers.", "Write numbers from 1 on, such as 1.5,2,3.")
    return numbers


def draw(tested: Backtest, firings: Sequence[Firing], rows: Sequence[BacktestRow]) -> None:
    """Prints what was found for a person."""
    paint = Paint(sys.stdout)
    definition, history, weeks = tested.definition, tested.history, tested.weeks
    title = paint("bold", definition.title or definition.journey)
    span = f"{show_time(history.start_ms)} to {show_time(history.at_ms(history.steps - 1))}"
    print(f"{title}  version {definition.version}  {span}, {weeks:.1f} weeks judged\n")
    if not weeks:
        print(paint("yellow", "Nothing could be judged: alerts compare with the day before, and there is none."))
        return
    print("\n".join(_lines(tested, firings, paint)) if firings else paint("green", "No alert would have fired."))
    print(f"\n{paint('bold', 'JourneyDropoffSpike at other thresholds')}")
    print("\n".join(_table(tested, rows, paint)))


def _lines(tested: Backtest, firings: Sequence[Firing], paint: Paint) -> list[str]:
    width = max(len(one.stage or one.channel or "") for one in firings)
    head = f"{'fired':<20}  {'for':>9}  {'alert':<22}  {'stage':<{width}}  {'delay':>9}"
    lines = [paint("dim", f"{head}  figures")]
    for one in firings[:SHOWN]:
        lasts = "goes on" if one.end_ms is None else lasting((one.end_ms - one.start_ms) / 1000)
        delay = "-" if one.delay_ms is None else lasting(one.delay_ms / 1000)
        place = f"{one.stage or one.channel:<{width}}"
        false = bool(tested.truths_ms) and tested.truth_of(one.start_ms) is None
        notes = [*(["false alarm"] if false else []), *(["kept back: a source was silent"] if one.silenced else [])]
        alert = paint("red" if one.severity == "page" else "yellow", f"{one.alert:<22}")
        said = "; ".join([_figures(one), *notes] if one.figures else notes)
        lines.append(f"{show_time(one.start_ms):<20}  {lasts:>9}  {alert}  {place}  {delay:>9}  {said}".rstrip())
    if len(firings) > SHOWN:
        lines.append(f"… and {len(firings) - SHOWN:,} more; --json has them all")
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
        told = f"  {f'{row.found} of {truths}':>7}  {delay:>9}" if truths else ""
        lines.append(f"{row.odds:>6g} {row.z:>5g}  {row.alarms:>7,}  {row.false / tested.weeks:>19.2f}{told}")
    return lines
