"""A real Prometheus and Alertmanager with the shipped rules and routes, for the demo that stays up.

They are looked for on the PATH and never fetched; a demo runs without them too. Nobody is paged: the receivers keep
their names and lose their integrations.
"""

import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import yaml

from streams.servers import ports
from streams.servers.process import ServerProcess
from streams.servers.process_group import ProcessGroup

PROMETHEUS: Final = ("prometheus",)
ALERTMANAGER: Final = ("prometheus-alertmanager", "alertmanager")
"""The first is Debian's name, the second everybody else's."""
REMEDY: Final = "Debian: apt install prometheus prometheus-alertmanager"
SCRAPE_EVERY_S: Final = 2


def found(names: Sequence[str]) -> str | None:
    """The path of a program that has one of these names."""
    return next((path for path in map(shutil.which, names) if path), None)


def packaged() -> Path | None:
    """The folder with the files for Prometheus and Alertmanager, in the wheel or in a checkout."""
    inside = Path(__file__).parents[1] / "deploy"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "deploy"
    return folder if (folder / "prometheus" / "prometheus.yml").is_file() else None


class _Watcher(ServerProcess):
    """What both servers have in common: a YAML file, and a page that answers when they are ready."""

    programs: ClassVar[Sequence[str]]

    def __init__(self, group: ProcessGroup, shipped: Path) -> None:
        super().__init__(group)
        self.shipped = shipped

    @property
    def url(self) -> str:
        """The address for a browser."""
        return f"http://{self.address}"

    def is_ready(self) -> bool:
        """Whether the page /-/ready answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except (HTTPException, OSError):
            return False

    def _write(self, document: Mapping[str, Any]) -> Path:
        path = self.directory / "config.yml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    def _program(self) -> str:
        path = found(self.programs)
        assert path is not None, "asked for without having been found"
        return path


class AlertmanagerServer(_Watcher):
    """An Alertmanager with the shipped routes, grouping and inhibition."""

    name = "Alertmanager"
    programs = ALERTMANAGER

    def prepare(self) -> list[str]:
        """The command, after its file is written."""
        document = yaml.safe_load((self.shipped / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
        document["receivers"] = [{"name": each["name"]} for each in document["receivers"]]
        return [
            self._program(),
            f"--config.file={self._write(document)}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
            # Without clustering: it looks for no peers on the network.
            "--cluster.listen-address=",
        ]


class PrometheusServer(_Watcher):
    """Scrapes `targets` (by job, the addresses of the pages) and evaluates the shipped rules."""

    name = "Prometheus"
    programs = PROMETHEUS

    def __init__(
        self, group: ProcessGroup, shipped: Path, targets: Mapping[str, Sequence[str]], alertmanager: str
    ) -> None:
        super().__init__(group, shipped)
        self.targets = targets
        self.alertmanager = alertmanager

    def prepare(self) -> list[str]:
        """The command, after its file is written."""
        return [
            self._program(),
            f"--config.file={self._write(self._document())}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
        ]

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load((self.shipped / "prometheus" / "prometheus.yml").read_text("utf-8"))
        document["global"]["scrape_interval"] = f"{SCRAPE_EVERY_S}s"
        document["rule_files"] = [str(self.shipped / "prometheus" / "rules" / "*.yaml")]
        pages = {**self.targets, "prometheus": [self.url]}
        document["scrape_configs"] = [
            {"job_name": job, "static_configs": [{"targets": [urlsplit(page).netloc for page in of]}]}
            for job, of in pages.items()
        ]
        document["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [self.alertmanager]}]}]
        return document


def missing() -> str | None:
    """Why the two servers cannot be started, in one line; None where they can."""
    absent = [names[-1] for names in (PROMETHEUS, ALERTMANAGER) if found(names) is None]
    if absent:
        return f"{' and '.join(absent)} not found on the PATH ({REMEDY})"
    return None if packaged() else "the rules are not in this installation"


def start(group: ProcessGroup, targets: Mapping[str, Sequence[str]]) -> tuple[PrometheusServer, AlertmanagerServer]:
    """Both servers, started and ready; they end with the group. Call `missing` first: it must return None."""
    shipped = packaged()
    assert shipped is not None, missing()
    alertmanager = AlertmanagerServer(group, shipped)
    alertmanager.start()
    prometheus = PrometheusServer(group, shipped, targets, f"{ports.LOOPBACK}:{alertmanager.port}")
    prometheus.start()
    return prometheus, alertmanager
