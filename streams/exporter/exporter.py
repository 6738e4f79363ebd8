"""The exporter: the funnel for Prometheus, read from the aggregates in Redis.

One process serves all workers, since the figures are in Redis: they are exact, and the same after a restart.
It reads in the background. A scrape gets the last figures at once, with their age, even while Redis does not answer.
Redis tells too when a worker last looked after each partition: where nobody does, the figures are not complete.
Names of journeys and stages come from the definitions in the store; stored figures under other names add up as `other`.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, time
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from schemas.topics import TOUCHPOINTS
from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.builds import FIRST, prefix_of
from streams.definitions.served import Served, ServedReader
from streams.errors import TrackerError
from streams.exporter.figures import Figures
from streams.exporter.figures import read as read_figures
from streams.exporter.latest import Latest
from streams.exporter.neglect import Neglect
from streams.exporter.rows import FunnelRows
from streams.exporter.series import (
    COUNTED,
    DEFINED,
    DEFINITION_CHANGED,
    DEFINITION_VERSION,
    FRESHNESS,
    HISTOGRAMS,
    JOURNEY_COMPLETE,
    STATES_OUTDATED,
)
from streams.exporter.shadow import ShadowRows
from streams.process.health import Encode, Pages
from streams.process.series import Series
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings
from streams.stores.attendance import UNDISTURBED_S, Attendance, attendance, named, patience_s, spans
from streams.stores.layout import require

log = structlog.get_logger()

READ_EVERY_S: Final = 2.0
# Older figures make the exporter not ready: several readings have failed by then.
STALE_AFTER_S: Final = 15.0
# The last line of a page in OpenMetrics, which may occur only once.
END: Final = b"# EOF\n"


@dataclass(slots=True)
class Prepared:
    """The rows of some figures, and their encoded pages by content type."""

    figures: Figures | None
    families: list[Metric]
    pages: dict[str, bytes] = field(default_factory=dict)

    def collect(self) -> list[Metric]:
        """The rows, as prometheus_client's encoders ask for them."""
        return self.families


class FunnelCollector:
    """Every series of `streams/exporter/series.py`, as prometheus_client asks a collector for them."""

    def __init__(
        self,
        served: Served,
        topics: Sequence[str],
        latest: Latest,
        clock_s: Callable[[], float] = monotonic,
        partitions: int = 0,
    ) -> None:
        channels = [topic.removeprefix(TOUCHPOINTS) for topic in topics if topic.startswith(TOUCHPOINTS)]
        self._channels = channels
        self._served = served
        self._rows = FunnelRows(served.definitions, channels)
        self._shadow = ShadowRows.of(served, channels)
        self._topics = topics
        self._latest = latest
        self._clock_s = clock_s
        self._partitions = partitions
        self._prepared = Prepared(None, [])
        self._encoders: dict[str, Encode] = {}
        """By content type, the encoders that scrapes have asked for."""

    def follow(self, served: Served) -> None:
        """Count by these definitions from the next figures on."""
        if (served.revision, served.build) != (self._served.revision, self._served.build):
            self._rows = FunnelRows(served.definitions, self._channels)
        if served.shadow != self._served.shadow:
            self._shadow = ShadowRows.of(served, self._channels)
        self._served = served

    def prepare(self, figures: Figures, unix_s: float) -> Prepared:
        """The rows of these figures, counted and encoded before a scrape needs them; any thread may call it."""
        rows = self._rows.rows(figures, int(unix_s * 1000))
        families: list[Metric] = []
        families += self._defined()
        for series in COUNTED:
            family = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            for labels, count in rows[series.name].items():
                family.add_metric(labels, count)
            families.append(family)
        histograms = self._rows.histograms(figures)
        for one in HISTOGRAMS:
            times = HistogramMetricFamily(one.name, one.help, labels=one.labels)
            for labels, (buckets, seconds) in histograms[one.name].items():
                times.add_metric(labels, buckets, seconds)
            families.append(times)
        if self._shadow is not None and figures.shadow is not None:
            families += self._shadow.families(figures.shadow, figures, int(unix_s * 1000))
        prepared = Prepared(figures, families)
        # A copy of the items, since a scrape in another thread may add an encoder.
        for content_type, encode in list(self._encoders.items()):
            prepared.pages[content_type] = encode(prepared)
        return prepared

    def show(self, prepared: Prepared) -> None:
        """Serve these rows from now on."""
        self._prepared = prepared

    def collect(self) -> Iterator[Metric]:
        """The series with their present values. Before the first reading there are only those of freshness."""
        yield from self._freshness()
        if (prepared := self._of_now()) is not None:
            yield from prepared.collect()

    def render(self, encode: Encode, content_type: str) -> bytes:
        """The page. Only the series of freshness are encoded now; the thousands of other rows already are."""
        page = encode(Prepared(None, list(self._freshness())))
        if (prepared := self._of_now()) is None:
            return page
        self._encoders[content_type] = encode
        if content_type not in prepared.pages:
            prepared.pages[content_type] = encode(prepared)
        return page.removesuffix(END) + prepared.pages[content_type]

    def _of_now(self) -> Prepared | None:
        """The rows of the last figures; None before the first reading."""
        latest = self._latest
        if latest.figures is None:
            return None
        if self._prepared.figures is not latest.figures:
            # Figures that were read without `look`, as in tests: nobody has prepared them.
            self.show(self.prepare(latest.figures, latest.read_unix_s))
        return self._prepared

    def _defined(self) -> Iterator[Metric]:
        served = self._served
        values: dict[Series, dict[str, float]] = {
            STATES_OUTDATED: {journey: float(left) for journey, left in served.outdated.items()},
            DEFINITION_CHANGED: served.changed_s,
            DEFINITION_VERSION: {one.journey: float(one.version) for one in served.definitions},
            JOURNEY_COMPLETE: {journey: float(not left) for journey, left in served.outdated.items()},
        }
        for series in DEFINED:
            family = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            for journey, value in values[series].items():
                family.add_metric((journey,), value)
            yield family

    def _freshness(self) -> Iterator[Metric]:
        latest = self._latest
        values: dict[str, float] = {"tracker_figures_redis_available": float(latest.available)}
        if self._partitions:
            values["tracker_partitions"] = self._partitions
        if latest.figures is not None:
            values["tracker_figures_age_seconds"] = self._clock_s() - latest.read_s
            values["tracker_figures_changed_time_seconds"] = latest.changed_unix_s
            values["tracker_figures_read_seconds"] = latest.took_s
            values["tracker_figures_complete"] = float(latest.complete)
            values["tracker_partitions_neglected"] = len(latest.neglect.partitions)
        for series in FRESHNESS:
            family = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            if series.name in values:
                family.add_metric((), values[series.name])
            if series.labels and latest.figures is not None:
                for topic in self._topics:
                    family.add_metric((topic,), latest.figures.applied([topic]))
            yield family


class Exporter:
    """Reads the figures in the background and serves them."""

    def __init__(
        self,
        served: Served,
        topics: Sequence[str],
        read: Callable[[], Figures],
        *,
        follow: Callable[[], Served | None] = lambda: None,
        every_s: float = READ_EVERY_S,
        stale_after_s: float = STALE_AFTER_S,
        partitions: int = 0,
        attend: Callable[[], Sequence[Attendance]] = tuple,
        neglected_after_s: float = UNDISTURBED_S,
    ) -> None:
        self.latest = Latest(neglect=Neglect(neglected_after_s))
        self._read = read
        self._follow = follow
        self._attend = attend
        self._neglected = False
        self._every_s = every_s
        self._stale_after_s = stale_after_s
        registry = CollectorRegistry()
        self._collector = FunnelCollector(served, topics, self.latest, partitions=partitions)
        registry.register(self._collector)
        self.pages = Pages(
            lambda: None, self.ready, registry, "EXPORTER_PORT", self._collector.render, self.by_partition
        )

    def ready(self) -> dict[str, object] | None:
        """Why the figures are not fresh, or will not stay so; None when they are and will."""
        latest = self.latest
        if latest.figures is None:
            return {"waiting for": ["the first figures"], "trouble": latest.trouble}
        age_s = monotonic() - latest.read_s
        if age_s > self._stale_after_s:
            return {"figures are old": f"{age_s:.0f} s", "trouble": latest.trouble}
        if neglected := latest.neglect.partitions:
            since_s = min(latest.neglect.idle_s[partition] for partition in neglected)
            return {"nobody applies": f"{named(neglected)}, for {since_s:.0f} s"}
        return None

    def by_partition(self) -> dict[str, object]:
        """For /health: by partition, how far it is applied, and since when nobody has looked after it."""
        latest = self.latest
        if latest.figures is None:
            return {}
        applied: Counter[int] = Counter()
        for (_, partition), offset in latest.figures.offsets.items():
            applied[partition] += offset
        neglected = set(latest.neglect.partitions)
        return {
            "complete": latest.complete,
            "figures_age_seconds": round(monotonic() - latest.read_s, 1),
            "partitions": {
                str(partition): {
                    "applied_records": applied[partition],
                    "seconds_since_a_worker_looked": round(idle_s, 1),
                    "neglected": partition in neglected,
                }
                for partition, idle_s in latest.neglect.idle_s.items()
            },
        }

    async def look(self) -> None:
        """Read once. A failure is noted, and logged when it is the first in a row."""
        began_s = monotonic()
        try:
            figures, attended, prepared = await asyncio.to_thread(self._take)
        except TrackerError as error:
            # One line for each outage, not one for each reading.
            if self.latest.available or not self.latest.trouble:
                log.warning("figures cannot be read; serving the last ones", reason=error.message)
            self.latest.failed(error.message)
            return
        if self.latest.trouble:
            log.info("figures are read again")
        self._collector.show(prepared)
        self.latest.took(figures, began_s, monotonic(), time())
        self.latest.neglect.took(attended, monotonic())
        if (neglected := bool(self.latest.neglect.partitions)) != self._neglected:
            self._neglected = neglected
            if neglected:
                log.warning("nobody applies", partitions=spans(self.latest.neglect.partitions))
            else:
                log.info("every partition is looked after again")

    def _take(self) -> tuple[Figures, Sequence[Attendance], Prepared]:
        # The definitions first: figures of a newer one are shown as `other` for one reading, never as somebody else's.
        if (served := self._follow()) is not None:
            self._collector.follow(served)
        figures = self._read()
        return figures, self._attend(), self._collector.prepare(figures, time())

    async def keep_looking(self) -> None:
        """Read again and again until cancelled."""
        while True:
            began_s = monotonic()
            await self.look()
            await asyncio.sleep(max(0.0, self._every_s - (monotonic() - began_s)))


def wire(settings: Settings) -> Exporter:
    """The exporter for the settings; it connects at the first reading. Raises TrackerError for unusable settings."""
    client: list[Any] = []
    following: list[Served] = []
    reader = ServedReader(settings.partitions)

    def follow() -> Served | None:
        with door(settings):
            if not client:
                # The client of a Cluster asks for the nodes when it is made; made here, its failure is one more
                # failed reading.
                client.append(redis_client(settings, retries=0))
            found = reader.read(client[0])
            following[:] = [found] if found is not None else []
            return found

    def build_now() -> str:
        return following[0].build if following else FIRST

    def read() -> Figures:
        with door(settings):
            build = build_now()
            require(client[0], settings.partitions, prefix_of(build))
            figures = read_figures(client[0], settings.partitions, prefix_of(build))
            beside = following[0].shadow if following else None
            shadow = read_figures(client[0], settings.partitions, prefix_of(beside.build)) if beside else None
            return replace(figures, build=build, shadow=shadow)

    def attend() -> Sequence[Attendance]:
        with door(settings):
            return attendance(client[0], settings.partitions, prefix_of(build_now()))

    topics = [topic.name for topic in settings.topics() if topic.direction == "input"]
    with door(settings):
        # Until the store has definitions, as before the first worker, those of the files are served.
        files = Served.of(load_journeys(settings))
        return Exporter(
            files, topics, read, follow=follow, partitions=settings.partitions, attend=attend,
            neglected_after_s=patience_s(settings.session_timeout_s),
        )  # fmt: skip


async def run(settings: Settings, listening: Callable[[str], None] = lambda _address: None) -> None:
    """Serve until SIGTERM or SIGINT. `listening` is called with the address of /metrics once the port is open."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    exporter = wire(settings)
    port = await exporter.pages.start(settings.http_host, settings.exporter_port)
    listening(f"http://{settings.http_host}:{port}/metrics")
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
