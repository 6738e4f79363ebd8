"""The tables of docs/benchmarks.md, made from the results: medians, how many runs, ratios. Nothing is judged here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any, Final

from bench.delivery import results
from bench.delivery.candidates import CANDIDATES

Row = dict[str, Any]
BASE: Final = "tracker-2"
"""What ratios are against."""


def report(name: str) -> str:
    """All tables of a set of results, as Markdown."""
    by_what: dict[str, list[Row]] = defaultdict(list)
    for row in results.read(name):
        by_what[row["what"]].append(row)
    if not by_what:
        return f"no results in {results.path(name).relative_to(results.ROOT)}"
    parts = [f"Machine: {results.machine()}. Commits: {', '.join(sorted(_seen(by_what, 'commit')))}."]
    loads = _seen(by_what, "load")
    parts.append(f"Load average when measurements ended: {min(loads):.1f} to {max(loads):.1f}.")
    parts += ["\n".join(table) for what, make in TABLES.items() if what in by_what for table in make(by_what[what])]
    return "\n\n".join(parts)


def _seen(by_what: Mapping[str, Iterable[Row]], key: str) -> set[Any]:
    return {row[key] for rows in by_what.values() for row in rows}


def _groups(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """Figures of the rows with the same `about`."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[tuple(row["about"].get(key) for key in keys)].append(row["figures"])
    return groups


def _mid(figures: list[dict[str, Any]], key: str) -> float:
    return median(figure[key] for figure in figures)


def _spread(figures: list[dict[str, Any]], key: str) -> str:
    values = [figure[key] for figure in figures]
    return f"{min(values):,.0f} to {max(values):,.0f}"


def _lines(head: list[str], body: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(words)} |" for words in [head, ["---", *["---:"] * (len(head) - 1)], *body]]


def _race(rows: list[Row]) -> Iterator[list[str]]:
    for (touchpoints, customers), names in _sizes(rows).items():
        base = _mid(names[BASE], "per_s") if BASE in names else None
        head = [
            f"{touchpoints:,} touchpoints of {customers:,} customers", "runs", "touchpoints/s", "range",
            "2 workers, times this", "CPU µs each", "Kafka", "Redis", "all",
        ]  # fmt: skip
        yield _lines(head, [_racer(c.title, names[c.name], base) for c in CANDIDATES if c.name in names])


def _sizes(rows: list[Row]) -> dict[tuple[int, int], dict[str, list[dict[str, Any]]]]:
    sizes: dict[tuple[int, int], dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for (touchpoints, customers, name), figures in _groups(rows, "touchpoints", "customers", "candidate").items():
        sizes[touchpoints, customers][name] = figures
    return dict(sorted(sizes.items()))


def _racer(title: str, figures: list[dict[str, Any]], base: float | None) -> list[str]:
    per_s = _mid(figures, "per_s")
    spent = [_mid(figures, f"cpu_us_{who}") for who in ("candidate", "kafka", "redis")]
    ratio = f"{base / per_s:.2f}" if base else "-"
    part = "" if all(figure["whole"] for figure in figures) else " *"
    return [
        title + part, str(len(figures)), f"{per_s:,.0f}", _spread(figures, "per_s"), ratio,
        *[f"{used:.1f}" for used in spent], f"{sum(spent):.1f}",
    ]  # fmt: skip


def _latency(rows: list[Row]) -> Iterator[list[str]]:
    head = ["touchpoints a second", "workers", "runs", "reached", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "p99 range"]
    yield _lines(
        head,
        [
            [
                f"{rate:,.0f}", str(processes), str(len(figures)), f"{_mid(figures, 'per_s'):,.0f}",
                *[f"{_mid(figures, key):.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "p999_ms")],
                _spread(figures, "p99_ms"),
            ]
            for (rate, processes), figures in sorted(_groups(rows, "rate", "processes").items())
        ],
    )  # fmt: skip


def _takeover(rows: list[Row]) -> Iterator[list[str]]:
    figures = [row["figures"] for row in rows]
    head = ["kill -9 of one of two workers", "runs", "median s", "longest s"]
    longest = max(figure["seconds"] for figure in figures)
    yield _lines(
        head, [["until all partitions go on", str(len(figures)), f"{_mid(figures, 'seconds'):.1f}", f"{longest:.1f}"]]
    )


def _rebuild(rows: list[Row]) -> Iterator[list[str]]:
    head = ["FLUSHALL under 2 workers", "runs", "customers", "s", "touchpoints/s"]
    body = []
    for (touchpoints, customers), figures in sorted(_groups(rows, "touchpoints", "customers").items()):
        done = [figure for figure in figures if figure.get("whole")]
        title = f"{touchpoints:,} touchpoints"
        if done:
            rates = [f"{_mid(done, 'seconds'):.1f}", f"{_mid(done, 'per_s'):,.0f}"]
            body.append([title, f"{len(done)} of {len(figures)}", f"{customers:,}", *rates])
        else:
            body.append([title, f"0 of {len(figures)}", f"{customers:,}", "-", "-"])
    yield _lines(head, body)


def _room(rows: list[Row]) -> Iterator[list[str]]:
    head = [
        "customers",
        "touchpoints each",
        "runs",
        "Redis bytes a customer",
        "its record",
        "states",
        "timers",
        "worker MiB",
        "at most MiB",
        "touchpoints/s",
    ]
    yield _lines(
        head,
        [
            [
                f"{customers:,}", str(each), str(len(figures)), f"{_mid(figures, 'redis_bytes'):,.0f}",
                *[f"{_mid(figures, f'{key}_bytes'):,.0f}" for key in ("record", "states", "timers")],
                f"{_mid(figures, 'worker_mib'):,.0f}", f"{_mid(figures, 'worker_most_mib'):,.0f}",
                f"{_mid(figures, 'per_s'):,.0f}",
            ]
            for (customers, each), figures in sorted(_groups(rows, "customers", "touchpoints_each").items())
        ],
    )  # fmt: skip


def _growth(rows: list[Row]) -> Iterator[list[str]]:
    head = ["customers", "touchpoints of each", "runs", "touchpoints/s", "worker µs each", "Kafka", "Redis"]
    yield _lines(
        head,
        [
            [
                f"{customers:,}", f"{touchpoints / customers:,.0f}", str(len(figures)),
                f"{_mid(figures, 'per_s'):,.0f}",
                *[f"{_mid(figures, f'cpu_us_{who}'):.1f}" for who in ("candidate", "kafka", "redis")],
            ]
            for (touchpoints, customers), figures in sorted(_groups(rows, "touchpoints", "customers").items())
        ],
    )  # fmt: skip


TABLES: Final = {
    "race": _race,
    "latency": _latency,
    "takeover": _takeover,
    "rebuild": _rebuild,
    "room": _room,
    "growth": _growth,
}
