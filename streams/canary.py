"""The canary: it sends a touchpoint to each partition every few seconds and measures the time to its state.

It sends as any producer does and reads Redis as `tracker show` does. It knows nothing of what lies between, so it
measures the whole way. `tracker/engine/canaries.py` says why no funnel counts these touchpoints.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from time import monotonic, time_ns
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.reader import served_prefix
from streams.errors import TrackerError
from streams.process.health import Pages
from streams.process.series import BUCKETS, CANARY
from streams.sdk.producer import Producer, connect
from streams.settings.settings import Settings
from streams.stores.keys import keys
from streams.stores.layout import require
from tracker.engine.canaries import TYPE, arrived, canaries

log = structlog.get_logger()

# The precision of a measured delay: how often Redis is read while touchpoints are on their way.
LOOK_EVERY_S: Final = 0.02
# Later touchpoints are looked for less often, since the servers are busy or down then.
PATIENT_AFTER_S: Final = 5.0
PATIENT_LOOK_S: Final = 1.0
# As many ids as a record keeps; the arrival of an older touchpoint could not be seen any more.
MOST_WAITING: Final = 32

Send = Callable[[str, str, str], None]
"""Send a touchpoint: its channel, its customer and its id."""
Fetch = Callable[[Sequence[tuple[int, str]]], list[bytes | None]]
"""The records of customers, each with its partition."""


class Canary:
    """The canary's touchpoints on their way, and the series of those that have arrived."""

    def __init__(
        self,
        partitions: int,
        channels: Sequence[str],
        send: Send,
        fetch: Fetch,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self.registry = CollectorRegistry()
        self.trouble = ""
        """Why the last try to send or look failed; empty when all is well."""
        self._names = canaries(partitions)
        self._channels = channels
        self._send, self._fetch, self._clock_s = send, fetch, clock_s
        self._beats = 0
        # The wall clock in milliseconds, made to rise, so that ids differ from those of an earlier process too.
        self._number = 0
        # By partition and event id, the channel and the time of sending.
        self._lost = 0
        self._last: tuple[float, float] | None = None
        """The delay of the last touchpoint that arrived, and when that was."""
        self._waiting: list[dict[str, tuple[str, float]]] = [{} for _ in self._names]
        kinds: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
        self._series: dict[str, Any] = {
            one.name: kinds[one.kind](
                one.name, one.help, one.labels, registry=self.registry,
                **({"buckets": BUCKETS[one.name]} if one.kind == "histogram" else {}),
            )
            for one in CANARY
        }  # fmt: skip
        for channel in channels:
            self._series["tracker_canary_sent_total"].labels(channel)
        for partition, waiting in enumerate(self._waiting):
            age = self._series["tracker_canary_waiting_seconds"].labels(str(partition))
            age.set_function(lambda waiting=waiting: self._age_s(waiting))

    @property
    def longest_s(self) -> float:
        """The age of the oldest touchpoint that has not arrived; 0 when all have."""
        return max(map(self._age_s, self._waiting))

    def summary(self) -> dict[str, object]:
        """For /health: the last round trip, and what has not come round."""
        last = self._last
        return {
            "longest_waiting_seconds": round(self.longest_s, 3),
            "last_delay_seconds": None if last is None else round(last[0], 3),
            "last_arrival_seconds_ago": None if last is None else round(self._clock_s() - last[1], 1),
            "lost": self._lost,
        }

    def _age_s(self, waiting: dict[str, tuple[str, float]]) -> float:
        # A copy, since a scrape reads it while another thread sends and looks.
        sent_s = min([at_s for _, at_s in [*waiting.values()]], default=None)
        return 0.0 if sent_s is None else self._clock_s() - sent_s

    def beat(self) -> None:
        """Send one touchpoint to each partition; the channels take turns. Raises TrackerError."""
        channel = self._channels[self._beats % len(self._channels)]
        self._beats += 1
        self._number = max(self._number + 1, time_ns() // 1_000_000)
        event_id = f"{self._number:011x}"
        for name, waiting in zip(self._names, self._waiting, strict=True):
            while len(waiting) >= MOST_WAITING:
                self._lose(waiting, next(iter(waiting)))
            # Noted before it is sent: a touchpoint that cannot be sent has not arrived either.
            waiting[event_id] = (channel, self._clock_s())
            self._send(channel, name, event_id)
            self._series["tracker_canary_sent_total"].labels(channel).inc()

    def look(self) -> None:
        """Note the touchpoints that have arrived. Raises TrackerError."""
        asked = [(partition, name) for partition, name in enumerate(self._names) if self._waiting[partition]]
        for (partition, _), record in zip(asked, self._fetch(asked) if asked else (), strict=True):
            waiting = self._waiting[partition]
            for event_id in [one for one in waiting if arrived(record, one)]:
                self._come(waiting, event_id)

    def _come(self, waiting: dict[str, tuple[str, float]], event_id: str) -> None:
        channel, sent_s = waiting.pop(event_id)
        now_s = self._clock_s()
        self._last = (now_s - sent_s, now_s)
        self._series["tracker_canary_delay_seconds"].observe(now_s - sent_s)
        # A topic-partition keeps its order: an earlier touchpoint that is not there now will never arrive.
        for one in [one for one, (through, at_s) in waiting.items() if through == channel and at_s < sent_s]:
            self._lose(waiting, one)

    def _lose(self, waiting: dict[str, tuple[str, float]], event_id: str) -> None:
        del waiting[event_id]
        self._series["tracker_canary_lost_total"].inc()
        self._lost += 1

    async def live(self, every_s: float) -> None:
        """Beat and look until cancelled. A failure is logged once, and the step is tried again."""
        next_s = self._clock_s()
        while True:
            if self._clock_s() >= next_s:
                next_s = max(next_s + every_s, self._clock_s())
                await asyncio.to_thread(self._turn, self.beat, self.look)
            else:
                await asyncio.to_thread(self._turn, self.look)
            await asyncio.sleep(max(0.0, min(next_s - self._clock_s(), self._pause_s())))

    def _pause_s(self) -> float:
        """The time until the next look."""
        longest_s = self.longest_s
        if self.trouble or longest_s > PATIENT_AFTER_S:
            return PATIENT_LOOK_S
        return LOOK_EVERY_S if longest_s else float("inf")

    def _turn(self, *steps: Callable[[], None]) -> None:
        trouble = ""
        for step in steps:
            try:
                step()
            except TrackerError as error:
                trouble = error.message
        if trouble and not self.trouble:
            log.warning("the canary cannot send or read; trying again", reason=trouble)
        elif self.trouble and not trouble:
            log.info("the canary sends and reads again")
        self.trouble = trouble


def _records(settings: Settings) -> Fetch:
    """A function that reads records from Redis in one round trip."""
    client: list[Any] = []

    def fetch(customers: Sequence[tuple[int, str]]) -> list[bytes | None]:
        with door(settings):
            if not client:
                client.append(redis_client(settings, retries=0))
                require(client[0], settings.partitions, served_prefix(client[0]))
            prefix = served_prefix(client[0])
            with client[0].pipeline(transaction=False) as pipe:
                for partition, name in customers:
                    pipe.hget(keys(partition, prefix).states, name)
                found: list[bytes | None] = pipe.execute()
                return found

    return fetch


def _sender(settings: Settings) -> Send:
    """A function that sends as any producer does. It connects at the first call, so a missing Kafka is tried again."""
    producer: list[Producer] = []

    def send(channel: str, customer: str, event_id: str) -> None:
        if not producer:
            producer.append(connect(settings, wait_s=1.0))
        channels: Any = channel
        producer[0].touch(channels, TYPE, customer_id=customer, event_id=event_id)

    return send


async def run(settings: Settings, every_s: float, listening: Callable[[str], None] = lambda _address: None) -> None:
    """Run until SIGTERM or SIGINT. `listening` is called with the address of /metrics once the port is open."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    canary = Canary(settings.partitions, settings.channels, _sender(settings), _records(settings))

    def ready() -> dict[str, object] | None:
        return {"trouble": canary.trouble} if canary.trouble else None

    pages = Pages(lambda: None, ready, canary.registry, "CANARY_PORT", details=canary.summary)
    port = await pages.start(settings.http_host, settings.canary_port)
    listening(f"http://{settings.http_host}:{port}/metrics")
    tasks = {loop.create_task(canary.live(every_s)), loop.create_task(ended.wait())}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks - done:
        task.cancel()
    await asyncio.gather(*tasks - done, return_exceptions=True)
    await pages.stop()
    for task in done:
        task.result()
