"""`tracker compare`: two versions of a journey on the same events.

It prints what `tracker/replay/compare.py` counts.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.cli.event_input import EventInput, Form, Maps, Sources, span_of
from streams.cli.options import AsJson, Events, Now, Since, Until
from streams.cli.paint import Paint
from streams.cli.replay import named, outcome, say_what_was_read, share
from streams.events.gathering import moment
from tracker.journey.file import load
from tracker.replay.compare import Comparison
from tracker.replay.compare import compare as compare_definitions

SHOWN_MOVES: Final = 10
NOWHERE: Final = "(not in the journey)"


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The current journey file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The changed journey file.")],
    events: Events = None,
    *,
    now: Now = None,
    since: Since = None,
    until: Until = None,
    maps: Maps = None,
    sources: Sources = None,
    form: Form = None,
    as_json: AsJson = False,
) -> int:
    """Compare two versions of a journey on the same touchpoints.

    Shows how many customers would be in another stage, how the funnel changes, and for each move a few customers to
    look at with `tracker replay NEW EVENTS --explain CUSTOMER`.

    Examples:
      tracker compare retail-v1.yaml retail-v2.yaml events.jsonl.gz
      tracker compare retail-v1.yaml retail-v2.yaml events.jsonl --json
      tracker compare retail-v1.yaml retail-v2.yaml orders.csv --map orders.yaml
    """
    before, after = load(old), load(new)
    now_ms = moment("--now", now)
    reading = EventInput(named(events), maps or (), sources or (), form, span_of(since, until))
    gathered = reading.gather([before, after], now_ms=now_ms)
    comparison = compare_definitions(before, after, gathered.columns, now_ms)
    if as_json:
        print(json.dumps(comparison.as_json(gathered.tally.rejected), ensure_ascii=False))
    else:
        draw(comparison)
    say_what_was_read(gathered)
    return outcome(gathered)


def draw(comparison: Comparison) -> None:
    """Print the comparison as text."""
    paint = Paint(sys.stdout)
    versions = [
        f"{one.definition.journey} version {one.definition.version}" for one in (comparison.old, comparison.new)
    ]
    print(paint("bold", " → ".join(versions)))
    print(
        f"{comparison.customers:,} customers; {comparison.changed:,} are in another stage "
        f"({share(comparison.changed, comparison.customers)}); {comparison.deeper:,} come deeper into the funnel, "
        f"{comparison.shallower:,} less deep\n"
    )
    print("\n".join(_funnel(comparison, paint)))
    print(f"\n{paint('bold', 'current stage')}: old down, new across")
    print("\n".join(_matrix(comparison, paint)))
    moved = [(move, count) for move, count in comparison.moves.most_common() if move[0] != move[1]]
    if moved:
        print(f"\n{paint('bold', 'for example')}")
    for (old, new), count in moved[:SHOWN_MOVES]:
        sample = ", ".join(comparison.samples[old, new])
        print(f"  {old or NOWHERE} → {new or NOWHERE}  {count:,}: {sample}{' …' if count > len(sample) else ''}")


def _funnel(comparison: Comparison, paint: Paint) -> list[str]:
    rows = comparison.conversions()
    width = max(5, *(len(row["stage"]) for row in rows))
    lines = [paint("dim", f"{'funnel':<{width}}  {'old':>9} {'':>8}  {'new':>9} {'':>8}  {'change':>9}")]
    for row in rows:
        sides = [_side(row[side]) for side in ("old", "new")]
        change = row["change"]
        points = "-" if change is None else f"{100 * change:+.1f} pt"
        coloured = paint("green" if (change or 0) > 0 else "red", f"{points:>9}") if change else f"{points:>9}"
        lines.append(f"{row['stage']:<{width}}  {sides[0]}  {sides[1]}  {coloured}")
    return lines


def _side(side: dict[str, float | None] | None) -> str:
    if side is None:
        return f"{'-':>9} {'':>8}"
    conversion = side["conversion"]
    return f"{side['funnel']:>9,} {'-' if conversion is None else f'{100 * conversion:.1f} %':>8}"


def _matrix(comparison: Comparison, paint: Paint) -> list[str]:
    columns = comparison.columns()
    names = [name or NOWHERE for name in columns]
    widths = [max(len(name), 7) for name in names]
    left = max(len(name or NOWHERE) for name in comparison.rows())
    heads = " ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    lines = [paint("dim", f"{'':<{left}}  {heads}")]
    for row in comparison.rows():
        cells = []
        for column, width in zip(columns, widths, strict=True):
            count = comparison.moves.get((row, column), 0)
            text = f"{count:>{width},}" if count else f"{'·':>{width}}"
            cells.append(paint("yellow", text) if count and row != column else text)
        lines.append(f"{row or NOWHERE:<{left}}  {' '.join(cells)}")
    return lines
