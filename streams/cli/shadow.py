"""`tracker shadow`: a changed journey counted beside the live one.

`streams/shadow` does the work; this module prints.
"""

import json
import os
import sys
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Final

import typer

from streams.cli.options import AsJson
from streams.cli.paint import Paint
from streams.cli.progress import progress as bar
from streams.clients.clients import kafka_admin
from streams.definitions.apply import read_files, read_record
from streams.definitions.builds import prefix_of
from streams.definitions.record import Revision, read_newest
from streams.errors import ExitCode, TrackerError, UsageError
from streams.person.opened import opened_store
from streams.person.requests import producer, send
from streams.process.terminal import printable
from streams.settings.settings import Settings, read
from streams.shadow import begin as beginning
from streams.shadow import report as reporting
from streams.shadow.drop import drop as drop_shadow
from streams.shadow.lag import Lag, first_offsets
from streams.shadow.matrix import JourneyMatrix
from streams.shadow.report import ShadowReport
from streams.shadow.rulings import rulings_in

LOOK_EVERY_S: Final = 1.0
NOWHERE: Final = "(not in the journey)"
TOTAL: Final = "total"


def shadow(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[NEW]...", help="The changed journey files.")] = None,
    *,
    status: Annotated[bool, typer.Option("--status", help="Print how far the shadow is, and the matrix.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the shadow.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait until it has caught up.")] = False,
    samples: Annotated[int, typer.Option(min=0, max=1000, help="How many customers to name who differ.")] = 10,
    wait: Annotated[float, typer.Option("--wait", min=1, help="Seconds to wait for processes to end (--drop).")] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask (--drop).")] = False,
    as_json: AsJson = False,
) -> int:
    """Count changed journeys beside the live ones, from Kafka's history on, without touching what is live.

    The running workers start as many processes more, which build the shadow at the speed of a rebuild and then follow
    the stream. When it has caught up, a matrix shows how many customers are in which stage by the present definition
    (down) and by the new one (across), and some who differ. Ctrl-C stops the waiting, not the building. The shadow's
    figures are the series tracker_shadow_* of the exporter. `tracker switch` serves the new definition.

    Exit codes: 8 when there is a shadow already, 10 when there is none (--status, --drop), 12 when processes do not end
    in time (--drop).

    Examples:
      tracker shadow retail-v4.yaml
      tracker shadow --status --samples 50
      tracker shadow --drop
    """
    if sum([bool(files), status, drop]) != 1:
        raise UsageError("Say one of: journey files, --status, --drop.", "`tracker shadow --help` has examples.")
    settings = read(os.environ)
    with opened_store(settings) as client, kafka_admin(settings) as admin:
        if drop:
            return _drop(client, admin, settings, wait, yes=yes, as_json=as_json)
        if files:
            _begin(client, admin, settings, files)
            if detach:
                print(json.dumps(_told(client, admin, settings, 0)) if as_json else _LATER)
                return ExitCode.OK
            try:
                _follow(client, admin, settings)
            except KeyboardInterrupt:
                print(f"The shadow is built on. {_LATER}", file=sys.stderr)
                return ExitCode.INTERRUPTED
        _require_one(client)
        if as_json:
            print(json.dumps(_told(client, admin, settings, samples), ensure_ascii=False, indent=2))
        else:
            _show(_reported(client, admin, settings, samples), samples)
    return ExitCode.OK


_LATER: Final = "`tracker shadow --status` shows how far it is."


def _begin(client: Any, admin: Any, settings: Settings, files: list[Path]) -> None:
    given = read_files(files)
    record = read_record(client)
    beginning.require_new(record, given)
    beginning.require_room(client, settings.partitions, prefix_of(record.newest.build))
    for topic, count in beginning.missing(first_offsets(admin, settings)).items():
        print(f"{topic}: Kafka has deleted the first {count:,} records; the shadow lacks them", file=sys.stderr)
    begun = beginning.begin(client, settings, given)
    tell_rulings(client, settings, read_newest(client))
    for outcome in begun.outcomes:
        print(f"shadow {begun.build}: {outcome}", file=sys.stderr)


def tell_rulings(client: Any, settings: Settings, newest: Revision) -> None:
    """Send the shadow what people ruled about names in the served build, so that nobody is one again who was cut.

    `tracker switch` does so once more, for rulings that had not been applied when the shadow began.
    """
    if newest.shadow is None:
        return
    found = list(rulings_in(client, settings.partitions, prefix_of(newest.build)))
    if found:
        build = newest.shadow.build
        with producer(settings) as to:
            send(to, found, settings.partitions, lambda: [build])


def _follow(client: Any, admin: Any, settings: Settings) -> None:
    """Return when the shadow follows the live figures closely."""
    done = 0
    began = reporting.progress(client, admin, settings)
    with bar("touchpoints applied", began.served if began else None) as advance:
        while (found := reporting.progress(client, admin, settings)) is not None:
            advance(max(0, found.served - found.behind - done))
            done = max(done, found.served - found.behind)
            # Nothing behind at first means that nobody has begun, unless there is nothing at all.
            if found.follows and (found.applied or not found.served):
                return
            sleep(LOOK_EVERY_S)


def _require_one(client: Any) -> None:
    if read_record(client).newest.shadow is None:
        raise TrackerError("There is no shadow.", "`tracker shadow FILE` makes one.", ExitCode.NOT_FOUND)


def _told(client: Any, admin: Any, settings: Settings, samples: int) -> dict[str, Any]:
    return _reported(client, admin, settings, samples, counts=bool(samples)).as_data(samples)


def _reported(client: Any, admin: Any, settings: Settings, samples: int, *, counts: bool = True) -> ShadowReport:
    with bar("customers compared", None) as advance:
        return reporting.report(client, admin, settings, read_record(client), samples, advance, counts=counts)


def _drop(client: Any, admin: Any, settings: Settings, wait_s: float, *, yes: bool, as_json: bool) -> int:
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nobody is there to be asked.", "Say --yes.")
        typer.confirm("Remove the shadow? To try it again, it is built anew.", abort=True, err=True)
    gone = drop_shadow(client, admin, settings, wait_s, lambda line: print(line, file=sys.stderr))
    if not gone:
        raise TrackerError("There is no shadow.", "Nothing was to be removed.", ExitCode.NOT_FOUND)
    print(json.dumps({"dropped": gone}) if as_json else "The shadow is gone.")
    return ExitCode.OK


def _show(found: ShadowReport, samples: int) -> None:
    paint = Paint(sys.stdout)
    print(f"{_state(found.lag)}")
    for name, (served, shadow) in found.versions.items():
        matrix = found.matrices[name]
        change = f"{served} → {shadow}" if served is not None else f"{shadow}, new"
        print(f"\n{paint('bold', f'{name} {change}')}")
        for line in found.differences[name]:
            print(f"  {line}")
        total = matrix.cells.total()
        share = f" ({100 * matrix.differing / total:.1f} %)" if total else ""
        print(f"\n{total:,} customers; {matrix.differing:,} are in another stage{share}\n")
        print(f"{paint('bold', 'current stage')}: live down, shadow across")
        print("\n".join(_matrix(matrix, paint)))
        sampled = list(matrix.sampled(samples))
        if sampled:
            print(f"\n{paint('bold', 'for example')}")
        for customer, one, other in sampled:
            print(f"  {printable(customer)}: {one or NOWHERE} → {other or NOWHERE}")


def _state(found: Lag) -> str:
    if found.follows:
        return f"The shadow has caught up: {found.applied:,} touchpoints, {found.behind:,} behind the live figures."
    return f"The shadow is at {100 * found.share:.0f} %: {found.behind:,} of {found.served:,} touchpoints to go."


def _matrix(matrix: JourneyMatrix, paint: Paint) -> list[str]:
    """The table with its totals; rows and columns in which nobody is are left out if no definition has them."""
    cells = matrix.cells
    rows = [name for name in (*matrix.served, "") if name or any(not one for one, _ in cells)]
    columns = [name for name in (*matrix.shadow, "") if name or any(not other for _, other in cells)]
    names = [name or NOWHERE for name in columns] + [TOTAL]
    widths = [max(len(name), 7) for name in names]
    left = max(len(name or NOWHERE) for name in [*rows, TOTAL])
    lines = [paint("dim", f"{'':<{left}}  " + " ".join(f"{n:>{w}}" for n, w in zip(names, widths, strict=True)))]
    for row in rows:
        texts = []
        for column, width in zip(columns, widths, strict=False):
            count = cells.get((row, column), 0)
            text = f"{count:>{width},}" if count else f"{'·':>{width}}"
            texts.append(paint("yellow", text) if count and row != column else text)
        texts.append(f"{sum(count for (one, _), count in cells.items() if one == row):>{widths[-1]},}")
        lines.append(f"{row or NOWHERE:<{left}}  {' '.join(texts)}")
    sums = [sum(count for (_, other), count in cells.items() if other == column) for column in columns]
    last = " ".join(f"{n:>{w},}" for n, w in zip([*sums, cells.total()], widths, strict=True))
    lines.append(paint("dim", f"{TOTAL:<{left}}  {last}"))
    return lines
