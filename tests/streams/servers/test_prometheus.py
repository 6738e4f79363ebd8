"""Prometheus and Alertmanager of the demo: their configuration, and the message where they are absent."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from streams.cli.demo_output import Watching, addresses
from streams.servers import prometheus
from streams.servers.process_group import ProcessGroup
from tests.deploy.promtool import needs


@pytest.fixture
def absent(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_absent_programs_are_reported_in_one_line(absent) -> None:
    """Both names, and where to get them; nothing is fetched."""
    assert prometheus.missing() == (
        "prometheus and alertmanager not found on the PATH (Debian: apt install prometheus prometheus-alertmanager)"
    )


# As much of the pipeline as its addresses need.
RUNNING = SimpleNamespace(
    settings=SimpleNamespace(kafka_bootstrap="127.0.0.1:1", redis_url="redis://127.0.0.1:2/0"),
    workers=SimpleNamespace(pages=("http://127.0.0.1:3",)),
)


def test_the_demo_says_what_to_open_or_why_not() -> None:
    """Links to the funnel and the alerts; without Prometheus one line with the reason."""
    watched = addresses(RUNNING, "c1", Watching("e", "c", "http://p:9", "http://a:9"))
    assert "http://p:9/graph?g0.expr=tracker_funnel" in watched and "http://p:9/alerts" in watched
    without = addresses(RUNNING, "c1", Watching("e", "c", missing="not there"))
    assert "Without Prometheus and Alertmanager: not there." in without and "browser" not in without


def test_both_run_with_what_ships_and_call_nobody() -> None:
    """Started on free ports in the group, with our targets and rules; no receiver has anywhere to call."""
    needs("prometheus")
    needs("prometheus-alertmanager")
    with ProcessGroup() as group:
        watcher, manager = prometheus.start(group, {"exporter": ["http://127.0.0.1:1/metrics"]})
        config = yaml.safe_load((watcher.directory / "config.yml").read_text("utf-8"))
        jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
        assert jobs == {"exporter": ["127.0.0.1:1"], "prometheus": [watcher.address]}
        assert Path(config["rule_files"][0]).parent.is_dir()
        receivers = yaml.safe_load((manager.directory / "config.yml").read_text("utf-8"))["receivers"]
        assert receivers and all(each.keys() == {"name"} for each in receivers)
        directory = group.directory
    assert not directory.exists()
    assert not watcher.runs and not manager.runs
