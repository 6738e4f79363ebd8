"""A real Prometheus and Alertmanager with the rules and routes that ship, their spans shrunk so that a week is short.

Time passes as it does; only what the rules call an hour, a day and a week is shorter.
"""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from streams.servers import ports
from tests.deploy.promtool import needs
from tests.servers import wait_until

ROOT = Path(__file__).parents[1]
SHIPPED = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
# A scrape a second fills the shortest span.
SPANS = {
    "1w": "30s",
    "1d": "24s",
    "1h": "16s",
    # The hours beside an hour lie a second from it, so that no present is among what it is compared with.
    "60m": "1s",
    "120m": "2s",
    "23h": "23s",
    "167h": "29s",
    "30m": "10s",
    "15m": "8s",
    "10m": "6s",
    "5m": "6s",
    "2m": "2s",
    "1m": "1s",
}


def shrunk(expression: str) -> str:
    """The expression with its spans shrunk."""
    return re.sub(r"\b(\d+[wdhm])\b(?=\]|\)|\s|,|$)", lambda found: SPANS.get(found[1], found[1]), expression)


@contextmanager
def _running(words: Sequence[str], place: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(words, cwd=place, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(ready, 30)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class Prometheus:
    """A Prometheus of a test's own; its files lie in a folder of the test's."""

    def __init__(self, place: Path, targets: dict[str, list[str]], alertmanager: str | None = None) -> None:
        self.place = place
        self.port = ports.free_port()
        targets = targets | {"prometheus": [f"127.0.0.1:{self.port}"]}
        jobs = [{"job_name": name, "static_configs": [{"targets": each}]} for name, each in targets.items()]
        managers = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
        document = {
            "global": {
                "scrape_interval": "1s",
                "evaluation_interval": "1s",
                "external_labels": SHIPPED["global"]["external_labels"],
            },
            "rule_files": [str(place / "rules/*.yaml")],
            "scrape_configs": jobs,
            "alerting": {**SHIPPED["alerting"], "alertmanagers": managers},
        }
        (place / "rules").mkdir(parents=True)
        (place / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        self._write_rules()

    def _write_rules(self) -> None:
        for path in (ROOT / "deploy/prometheus/rules").glob("*.yaml"):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            for rule in (rule for group in document["groups"] for rule in group["rules"]):
                for key in {"expr", "for", "keep_firing_for"} & rule.keys():
                    rule[key] = shrunk(rule[key])
            (self.place / "rules" / path.name).write_text(yaml.safe_dump(document), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator["Prometheus"]:
        """Started and ready; ended with the block."""
        words = [
            needs("prometheus"),
            f"--config.file={self.place / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.place / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            # What fires before Alertmanager is found is sent again after a minute otherwise.
            "--rules.alert.resend-delay=2s",
        ]
        with _running(words, self.place, self._ready):
            yield self

    def _ready(self) -> bool:
        try:
            return bool(self.ask("vector(1)"))
        except OSError:
            return False

    def ask(self, query: str) -> list[dict]:
        """The result of a query at this moment."""
        return self._get("query?" + urllib.parse.urlencode({"query": query}))["result"]

    def failures(self) -> list[str]:
        """What Prometheus says of rules that could not be computed."""
        rules = [rule for group in self._get("rules")["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule.get("lastError")]

    def _get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]


class Alertmanager:
    """The routes and inhibitions that ship; each receiver is a webhook of the test's, under its name."""

    def __init__(self, place: Path, webhook: str) -> None:
        self.place = place
        self.address = f"127.0.0.1:{ports.free_port()}"
        place.mkdir(parents=True)
        text = (ROOT / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8")
        waits = {"group_wait: 1m": "group_wait: 3s", "group_wait: 15s": "group_wait: 1s"}
        for shipped, short in waits.items():
            assert shipped in text
            text = text.replace(shipped, short)
        document = yaml.safe_load(re.sub(r"group_interval: \dm", "group_interval: 1s", text))
        document["receivers"] = [
            {"name": each["name"], "webhook_configs": [{"url": f"{webhook}/{each['name']}"}]}
            for each in document["receivers"]
        ]
        (place / "alertmanager.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator["Alertmanager"]:
        """Started and ready; ended with the block."""
        words = [
            needs("prometheus-alertmanager"),
            f"--config.file={self.place / 'alertmanager.yml'}",
            f"--storage.path={self.place / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        with _running(words, self.place, self._ready):
            yield self

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False
