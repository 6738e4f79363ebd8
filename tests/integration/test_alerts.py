"""Alerts from end to end: Kafka, workers, Redis, exporter, Prometheus, Alertmanager and a receiver of webhooks."""

import json
import os
import random
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kafka import KafkaProducer

from streams.clients.clients import kafka_arguments
from streams.demo.pipeline import RealPipeline, pipeline
from streams.settings.settings import read as read_settings
from tests.deploy.promtool import needs
from tests.prometheus import Alertmanager, Prometheus
from tests.servers import wait_until
from tests.touchpoints import touchpoint

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(480)]

JOURNEYS = {
    "retail": """
journey: retail
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web, type: Page}], drops_after: 4s}
  - {name: checkout, touchpoints: [{channel: web, type: Checkout}], drops_after: 4s}
  - {name: bought, touchpoints: [{channel: shop, type: Order}], goal: true}
""",
    "small": """
journey: small
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web, type: Small Page}], drops_after: 4s}
  - {name: bought, touchpoints: [{channel: shop, type: Small Order}], goal: true}
""",
}
TICK_S = 0.05
STARTING_S = 15
HEALTHY_S = 50
"""The shrunk week (30 s) and the hour before it (16 s)."""
LONGEST_S = 60
NIGHT_S = 42
"""A shrunk day (24 s) and the hour before it."""
DAY, NIGHT = 1, 20
"""Ticks from customer to customer."""


class Traffic:
    """Customers who look, go to the checkout and buy, twenty a second; beside them a journey of one a second."""

    def __init__(self, producer: KafkaProducer) -> None:
        self.buying = 0.9
        self.web = True
        self.pace = DAY
        self._producer = producer
        self._chance = random.Random(1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()

    def _run(self) -> None:
        steps: dict[int, list[tuple[str, str, str]]] = {}
        number = 0
        while not self._over.wait(TICK_S):
            number += 1
            self._plan(number, steps)
            for customer, channel, kind in steps.pop(number, ()):
                if channel != "web" or self.web:
                    value = touchpoint(customer, kind, int(time.time() * 1000), channel=channel)
                    self._producer.send(f"touchpoints.{channel}", key=customer.encode(), value=value)

    def _plan(self, number: int, steps: dict[int, list[tuple[str, str, str]]]) -> None:
        """What a new customer will do, by tick; nobody comes whom the silent channel would have brought."""
        if not self.web:
            return
        buys = self._chance.random() < self.buying
        if number % 20 == 0:
            stays = buys and self.buying > 0.8
            small = [("web", "Small Page"), *([("shop", "Small Order")] if stays else [])]
            for step, (channel, kind) in enumerate(small):
                steps.setdefault(number + 10 * step, []).append((f"s{number}", channel, kind))
        if number % self.pace == 0:
            way = [("web", "Page"), ("web", "Checkout"), *([("shop", "Order")] if buys else [])]
            for step, (channel, kind) in enumerate(way):
                steps.setdefault(number + 10 * step, []).append((f"c{number}", channel, kind))


class Receiver:
    """Keeps what Alertmanager sends: the receiver's name and each alert that fires."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict]] = []
        keep = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                firing = [alert for alert in said["alerts"] if alert["status"] == "firing"]
                keep.extend((self.path.strip("/"), alert["labels"] | alert["annotations"]) for alert in firing)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """A test is quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def of(self, alert: str) -> list[tuple[str, dict]]:
        return [(name, each) for name, each in self.heard if each["alertname"] == alert]

    def names(self, since: int) -> set[str]:
        """What was reported after so many messages, by whatever receiver; the watchdog always is."""
        return {each["alertname"] for _, each in self.heard[since:]} - {"Watchdog"}

    def paged(self, alert: str) -> list[dict]:
        return [each for name, each in self.of(alert) if name == "pager"]


@contextmanager
def everything(tmp_path) -> Iterator[tuple[RealPipeline, Prometheus, Receiver]]:
    for name, text in JOURNEYS.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    files = os.pathsep.join(str(tmp_path / f"{name}.yaml") for name in JOURNEYS)
    environ = {**os.environ, "TRACKER_PARTITIONS": "4", "TRACKER_JOURNEYS": files}
    with ExitStack() as stack:
        running = stack.enter_context(pipeline(read_settings(environ), environ, lambda _line: None))
        pages = [running.workers.start_exporter(), *running.workers.pages]
        exporter, *workers = (urllib.parse.urlsplit(page).netloc for page in pages)
        receiver = stack.enter_context(Receiver().listening())
        manager = stack.enter_context(Alertmanager(tmp_path / "alertmanager", receiver.address).running())
        targets = {"exporter": [exporter], "worker": workers}
        prometheus = Prometheus(tmp_path / "prometheus", targets, manager.address)
        yield running, stack.enter_context(prometheus.running()), receiver


def test_bad_news_and_broken_tracking(tmp_path) -> None:
    """Drop-off times three pages with stage and figures; a silent channel is reported alone; a quiet night is not."""
    needs("prometheus")
    needs("prometheus-alertmanager")
    with everything(tmp_path) as (running, prometheus, receiver), ExitStack() as stack:
        producer = KafkaProducer(**kafka_arguments(running.settings), linger_ms=5)
        stack.callback(producer.close)
        traffic = stack.enter_context(Traffic(producer).flowing())

        # Until the first scrapes there is no exporter; with two minutes shrunk to two seconds that is reported.
        time.sleep(STARTING_S)
        begun = len(receiver.heard)
        time.sleep(HEALTHY_S)
        assert receiver.names(begun) == set()
        assert receiver.of("Watchdog")[0][0] == "heartbeat"

        traffic.buying, broke_s = 0.7, time.monotonic()
        # The chat hears of it too, before or after the pager.
        wait_until(lambda: receiver.paged("JourneyDropoffSpike"), LONGEST_S)
        sys.stdout.write(f"paged {time.monotonic() - broke_s:.1f} s after the checkout broke\n")
        alert = receiver.paged("JourneyDropoffSpike")[0]
        assert (alert["journey"], alert["stage"]) == ("retail", "checkout")
        now, before = map(float, re.findall(r"is ([\d.]+)%.* was ([\d.]+)%", alert["summary"])[0])
        assert 15 < now < 45 and 5 < before < 15
        assert receiver.names(begun) == {"JourneyDropoffSpike"}

        traffic.buying = 0.9
        wait_until(lambda: not prometheus.ask('ALERTS{about="journey", alertstate="firing"}'), LONGEST_S)
        before = len(receiver.heard)
        traffic.web, silent_s = False, time.monotonic()
        wait_until(lambda: receiver.paged("TouchpointSourceSilent"), LONGEST_S)
        sys.stdout.write(f"paged {time.monotonic() - silent_s:.1f} s after the channel fell silent\n")
        assert "web" in {each["channel"] for each in receiver.paged("TouchpointSourceSilent")}
        time.sleep(15)
        assert receiver.names(before) == {"TouchpointSourceSilent"}

        # Night: one customer a second, as yesterday and a week ago by then; in the end all of them drop off.
        traffic.web, traffic.pace = True, NIGHT
        wait_until(lambda: not prometheus.ask('ALERTS{alertname!="Watchdog", alertstate="firing"}'), LONGEST_S)
        night = len(receiver.heard)
        time.sleep(NIGHT_S)
        traffic.buying = 0.0
        unlikely = 'journey_stage:tracker_dropoff_share:z1h{journey="retail", stage="checkout"} > 4'
        wait_until(lambda: prometheus.ask(unlikely), LONGEST_S)
        time.sleep(10)
        assert receiver.names(night) == set()
        assert {each["journey"] for _, each in receiver.of("JourneyDropoffSpike")} == {"retail"}
