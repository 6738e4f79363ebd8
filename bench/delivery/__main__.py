"""`python -m bench.delivery`: measure, store the results, print the tables. `--help` lists the pieces."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bench.delivery import results
from bench.delivery.candidates import CANDIDATES, NAMES, Candidate
from bench.delivery.compiled import can_compile
from bench.delivery.ground import Ground
from bench.delivery.latency import latency
from bench.delivery.race import NotMeasuredError, race
from bench.delivery.rebuild import rebuild
from bench.delivery.room import room
from bench.delivery.stage import wander
from bench.delivery.tables import report
from bench.delivery.takeover import takeover
from streams.errors import TrackerError


@dataclass(slots=True)
class Run:
    """The options of a run, and its servers."""

    options: argparse.Namespace
    ground: Ground
    channels: int = 0

    def channel(self, prefix: str) -> str:
        """A channel with a new name."""
        self.channels += 1
        return f"{prefix}{self.channels}"

    def keep(self, what: str, about: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
        """Measure, print, and store; a failed measurement is printed and not stored."""
        begun_s = time.monotonic()
        name = f"{what} " + " ".join(f"{key}={word}" for key, word in about.items())
        try:
            figures = measure()
        except (NotMeasuredError, RuntimeError, OSError) as problem:
            print(f"{name}: NOT MEASURED: {problem}", file=sys.stderr, flush=True)
            return
        results.keep(self.options.into, what, about, figures)
        line = "  ".join(f"{key} {_short(figure)}" for key, figure in figures.items())
        print(f"{name}: {line}  [{time.monotonic() - begun_s:.0f} s]", flush=True)

    def fill(self, count: int, customers: int) -> str:
        """A new channel with `count` touchpoints, the last of which happened a minute ago."""
        channel = self.channel("web")
        begun_s = time.monotonic()
        # One touchpoint a millisecond: all lie in the past, and no customer is quiet long enough to drop off.
        begin_ms = int(time.time() * 1000) - count - 60_000
        self.ground.fill(channel, wander(count, customers, begin_ms, channel=channel))
        print(f"loaded {count:,} touchpoints of {customers:,} customers in {time.monotonic() - begun_s:.0f} s")
        return channel


def _short(figure: Any) -> str:
    return f"{figure:,.1f}" if isinstance(figure, float) else str(figure)


def _race(run: Run) -> None:
    options = run.options
    wanted = [NAMES[name] for name in options.candidates] if options.candidates else list(CANDIDATES)
    able: list[Candidate] = []
    for candidate in wanted:
        if why := candidate.missing():
            print(f"{candidate.title}: left out: {why}", file=sys.stderr)
        else:
            able.append(candidate)
    channel = run.fill(options.touchpoints, options.customers)
    size = {"touchpoints": options.touchpoints, "customers": options.customers}
    for number in range(options.rounds):
        # In reverse order every second round, so that a drift of the machine favours no candidate.
        for candidate in able[:: -1 if number % 2 else 1]:
            run.keep(
                "race",
                {"candidate": candidate.name, **size},
                lambda candidate=candidate: race(
                    run.ground, candidate, channel, options.touchpoints, min(options.limit, candidate.at_most_s)
                ),
            )


def _latency(run: Run) -> None:
    options = run.options
    for number in range(options.rounds):
        for rate in options.rates[:: -1 if number % 2 else 1]:
            about = {"rate": rate, "customers": options.customers, "processes": 2}
            run.keep(
                "latency",
                about,
                lambda rate=rate: latency(
                    run.ground, run.channel("pace"), rate,
                    customers=options.customers, processes=2, seconds=options.seconds,
                ),
            )  # fmt: skip


def _takeover(run: Run) -> None:
    for _ in range(run.options.rounds):
        run.keep("takeover", {}, lambda: takeover(run.ground, run.channel("kill")))


def _rebuild(run: Run) -> None:
    options = run.options
    channel = run.fill(options.touchpoints, options.customers)
    about = {"touchpoints": options.touchpoints, "customers": options.customers, "processes": 2}
    run.keep("rebuild", about, lambda: rebuild(run.ground, channel, options.touchpoints, 2))


def _room(run: Run) -> None:
    options = run.options
    for customers, touchpoints in ((options.touchpoints // 10, 10), (options.touchpoints, 1)):
        about = {"customers": customers, "touchpoints_each": touchpoints}
        run.keep(
            "room",
            about,
            lambda customers=customers, touchpoints=touchpoints: room(
                run.ground, run.channel("room"), customers, touchpoints
            ),
        )


def _growth(run: Run) -> None:
    """Cost of the same number of touchpoints by more and more customers, whose logs are shorter and shorter."""
    options = run.options
    count = options.touchpoints
    for customers in (count // 1000, count // 100, count // 10, count):
        channel = run.fill(count, customers)
        about = {"touchpoints": count, "customers": customers}
        for _ in range(options.rounds):
            run.keep(
                "growth",
                about,
                lambda channel=channel: race(run.ground, NAMES["tracker-1"], channel, count, options.limit * 2),
            )


PIECES: Final[dict[str, Callable[[Run], None]]] = {
    "race": _race,
    "latency": _latency,
    "takeover": _takeover,
    "rebuild": _rebuild,
    "room": _room,
    "growth": _growth,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.delivery", description=__doc__)
    parser.add_argument("action", nargs="?", default="measure", choices=("measure", "report"))
    parser.add_argument("--only", nargs="+", choices=PIECES, default=list(PIECES), help="these pieces alone")
    parser.add_argument("--candidates", nargs="+", choices=NAMES, help="these of the race alone")
    parser.add_argument(
        "--engine",
        choices=("compiled", "python"),
        default="compiled" if can_compile() else "python",
        help="how the tracker runs: as in the image, or as from a checkout; compiled where a C compiler is",
    )
    parser.add_argument("--touchpoints", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="how often; the tables show medians")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that one run of the race may take")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[1000.0, 5000.0, 10_000.0], help="of latency, a second"
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="of latency, at each rate")
    parser.add_argument("--into", default="delivery", help="name of the set of results that this adds to")
    return parser.parse_args()


def main() -> int:
    """Measure what the command line asks for, then print the tables of all results."""
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        if options.action == "measure":
            for piece in options.only:
                # New servers for each piece, so that data left by another piece does not count.
                with Ground(compiles=options.engine == "compiled") as ground:
                    PIECES[piece](Run(options, ground))
        print(report(options.into))
    except TrackerError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
