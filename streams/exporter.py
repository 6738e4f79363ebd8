"""The exporter: the funnel for Prometheus, read from the aggregates in Redis.

One process for all workers, since the figures are Redis' and not a worker's: exact, and the same after a restart.
It reads in the background; a scrape gets the last figures at once, with their age, also while Redis is away.
Names of journeys and stages come from the journey files alone: what is stored under other names adds up as `other`.
"""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from streams.clients import redis_client
from streams.definitions import load_journeys
from streams.errors import TrackerError
from streams.failures import door
from streams.figures import Figures
from streams.figures import read as read_figures
from streams.funnel_series import DEEP, FRESHNESS, FUNNEL, FunnelSeries
from streams.health import Pages
from streams.layout import require
from streams.settings import Settings
from tracker.contribution import STATUSES, Field
from tracker.definition import Definition

log = structlog.get_logger()

READ_EVERY_S: Final = 2.0
# Figures that are older make the exporter not ready: several readings have failed by then.
STALE_AFTER_S: Final = 15.0
OTHER: Final = "other"


@dataclass(slots=True)
class Latest:
    """The last figures that were read, and how reading goes."""

    figures: Figures | None = None
    read_s: float = 0.0
    """When, by the monotonic clock."""
    took_s: float = 0.0
    changed_unix_s: float = 0.0
    available: bool = False
    trouble: str = ""

    def took(self, figures: Figures, began_s: float, now_s: float, unix_s: float) -> None:
        """A reading has succeeded."""
        if self.figures is None or self.figures.offsets != figures.offsets:
            self.changed_unix_s = unix_s
        # The figures are those of the beginning, not of the end of the reading.
        self.figures, self.read_s, self.took_s = figures, began_s, now_s - began_s
        self.available, self.trouble = True, ""

    def failed(self, trouble: str) -> None:
        """A reading has failed; the last figures stay."""
        self.available, self.trouble = False, trouble


class FunnelCollector:
    """What prometheus_client asks at a scrape: every series of `streams/funnel_series.py`."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        topics: Sequence[str],
        latest: Latest,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._stages = {one.journey: tuple(stage.name for stage in one.stages) for one in definitions}
        self._topics = topics
        self._latest = latest
        self._clock_s = clock_s

    def collect(self) -> Iterator[Metric]:
        """The series, with their values of now. Before the first reading there is the freshness alone."""
        yield from self._freshness()
        figures = self._latest.figures
        if figures is not None:
            for series in FUNNEL:
                yield _family(series, self._rows(series, figures, self._declared(series)))
            yield _family(DEEP, self._funnel(figures))

    def _freshness(self) -> Iterator[Metric]:
        latest = self._latest
        values: dict[str, float] = {"tracker_figures_redis_available": float(latest.available)}
        if latest.figures is not None:
            values["tracker_figures_age_seconds"] = self._clock_s() - latest.read_s
            values["tracker_figures_changed_time_seconds"] = latest.changed_unix_s
            values["tracker_figures_read_seconds"] = latest.took_s
        for series in FRESHNESS:
            family = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            if series.name in values:
                family.add_metric((), values[series.name])
            if series.labels and latest.figures is not None:
                for topic in self._topics:
                    family.add_metric((topic,), latest.figures.applied([topic]))
            yield family

    def _declared(self, series: FunnelSeries) -> Iterator[tuple[str, ...]]:
        """The labels that a series always has, so that it shows zero before the first customer."""
        for journey, stages in self._stages.items():
            if "stage" not in series.parts:
                yield (journey,)
            for stage in stages if "stage" in series.parts else ():
                yield from (
                    ((journey, stage, status) for status in STATUSES)
                    if "status" in series.parts
                    else ((journey, stage),)
                )

    def _rows(
        self, series: FunnelSeries, figures: Figures, declared: Iterable[tuple[str, ...]]
    ) -> dict[tuple[str, ...], int]:
        rows = dict.fromkeys(declared, 0)
        for field, count in figures.counts.items():
            if field.figure == series.figure and field.segment is None:
                labels = self._labels(field, series.parts)
                rows[labels] = rows.get(labels, 0) + count
        return rows

    def _labels(self, field: Field, parts: tuple[str, ...]) -> tuple[str, ...]:
        stages = self._stages.get(field.journey)
        known = {"stage": stages or (), "status": STATUSES}
        values = (getattr(field, part) for part in parts)
        told = (value if value in known[part] else OTHER for part, value in zip(parts, values, strict=True))
        return (OTHER if stages is None else field.journey, *told)

    def _funnel(self, figures: Figures) -> dict[tuple[str, ...], int]:
        return {
            (journey, stage): count
            for journey, stages in self._stages.items()
            for stage, count in figures.funnel(journey, stages).items()
        }


def _family(series: FunnelSeries, rows: dict[tuple[str, ...], int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(series.name, series.help, labels=("journey", *series.parts))
    for labels, count in rows.items():
        family.add_metric(labels, count)
    return family


class Exporter:
    """Reads figures in the background and serves them."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        topics: Sequence[str],
        read: Callable[[], Figures],
        *,
        every_s: float = READ_EVERY_S,
        stale_after_s: float = STALE_AFTER_S,
    ) -> None:
        self.latest = Latest()
        self._read = read
        self._every_s = every_s
        self._stale_after_s = stale_after_s
        registry = CollectorRegistry()
        registry.register(FunnelCollector(definitions, topics, self.latest))
        self.pages = Pages(lambda: None, self.ready, registry, "EXPORTER_PORT")

    def ready(self) -> dict[str, object] | None:
        """What keeps the figures from being fresh; None when they are."""
        latest = self.latest
        if latest.figures is None:
            return {"waiting for": ["the first figures"], "trouble": latest.trouble}
        age_s = monotonic() - latest.read_s
        if age_s > self._stale_after_s:
            return {"figures are old": f"{age_s:.0f} s", "trouble": latest.trouble}
        return None

    async def look(self) -> None:
        """Read once; what fails is noted, said once, and tried again by whoever called."""
        began_s = monotonic()
        try:
            figures = await asyncio.to_thread(self._read)
        except TrackerError as error:
            if self.latest.available or not self.latest.trouble:
                log.warning("figures cannot be read; serving the last ones", reason=error.message)
            self.latest.failed(error.message)
            return
        if self.latest.trouble:
            log.info("figures are read again")
        self.latest.took(figures, began_s, monotonic(), time())

    async def keep_looking(self) -> None:
        """Read again and again until cancelled."""
        while True:
            began_s = monotonic()
            await self.look()
            await asyncio.sleep(max(0.0, self._every_s - (monotonic() - began_s)))


def wire(settings: Settings) -> Exporter:
    """The exporter for the settings; nothing is connected yet. Raises TrackerError for what cannot work."""
    client: list[Any] = []

    def read() -> Figures:
        with door(settings):
            if not client:
                # A cluster's client asks for its nodes when it is made, so it waits for the first reading.
                client.append(redis_client(settings, retries=0))
            require(client[0], settings.partitions)
            return read_figures(client[0], settings.partitions)

    topics = [topic.name for topic in settings.topics() if topic.direction == "input"]
    with door(settings):
        return Exporter(load_journeys(settings), topics, read)


async def run(settings: Settings, told: Callable[[str], None] = lambda _address: None) -> None:
    """Serve until SIGTERM or SIGINT. `told` hears the address once it is listened on."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    exporter = wire(settings)
    port = await exporter.pages.start(settings.http_host, settings.exporter_port)
    told(f"http://{settings.http_host}:{port}/metrics")
    looking = loop.create_task(exporter.keep_looking())
    ending = loop.create_task(ended.wait())
    await asyncio.wait({looking, ending}, return_when=asyncio.FIRST_COMPLETED)
    for task in (looking, ending):
        task.cancel()
    results = await asyncio.gather(looking, ending, return_exceptions=True)
    await exporter.pages.stop()
    for result in results:
        if isinstance(result, Exception):
            raise result
