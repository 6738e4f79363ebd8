"""What the doctor reports about the collector."""

import dataclasses

import pytest
from prometheus_client import start_http_server

from streams.collector.checkup import findings
from streams.doctor.examination import examine
from streams.doctor.finding import Inquiry
from streams.errors import ConfigurationError
from streams.settings import settings
from tests.streams.collector.asking import Collector
from tests.streams.collector.living import living


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path, {"COLLECTOR_PORT": "1"})


def reported(asked: settings.Settings) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for state, message, remedy in findings(asked):
        assert state == "ok" or remedy
        found.setdefault(state, []).append(message)
    return found


def test_a_sound_collector_has_no_problems(collector) -> None:
    """Sources and keys are counted, and a running collector is found."""
    with living(collector) as url:
        asked = dataclasses.replace(collector.settings, collector_port=int(url.rpartition(":")[2]))
        found = reported(asked)
    assert found.keys() == {"ok"}
    assert "1 sources, 1 write keys" in found["ok"] and "accepts touchpoints" in found["ok"][-1]
    assert "No collector answers" in reported(collector.settings)["unknown"][-1]


def test_where_there_are_no_sources_there_is_no_collector(tmp_path) -> None:
    """An installation without sources has no findings but ok."""
    asked = settings.read({"COLLECTOR_KEYS": str(tmp_path / "keys.json")})
    assert reported(asked).keys() == {"ok"}


def test_each_fault_is_found(collector, tmp_path) -> None:
    """A missing key, an unknown channel, an unknown sender, a missing secret and a plan without a source are found."""
    plans = tmp_path / "plans.yaml"
    plans.write_text("sources: {nobody: {types: {}}}")
    collector.add("boat", channel="sea", sender="ship", secret_file=tmp_path / "none")
    asked = dataclasses.replace(collector.settings, hash_key=None, collector_plans=plans)
    found = reported(asked)
    for word in ("TRACKER_HASH_KEY", "sends to sea", "unknown sender, ship", "secret of boat"):
        assert any(word in message for message in found["problem"]), word
    assert found["warning"] == ["COLLECTOR_PLANS has a plan of 'nobody', which is not a source."]


def test_faults_of_browsers_keys_are_found(collector) -> None:
    """A missing secret, one that others read, orders from pages, no origins and keys without a kind are found."""
    collector.add("page", browser=True, types=("Page Viewed", "Order Completed"))
    collector.add("open", browser=True)
    collector.add("old", channel="web")
    (collector.folder / "page.user-secret").unlink()
    (collector.folder / "open.user-secret").chmod(0o644)
    collector.file.write_text(collector.file.read_text().replace('"browser": false', '"revoked_at": null'))
    found = reported(collector.settings)
    assert [message for message in found["problem"] if "secret of open" in message]
    for word in (
        "page has a browser's key and no secret",
        "invent Order Completed",
        "COLLECTOR_ORIGINS",
        "Keys of old",
    ):
        assert any(word in message for message in found["warning"]), word
    assert not any("Keys of shop" in message for message in found["warning"])


def test_a_sound_browsers_key_has_no_problems(tmp_path) -> None:
    """A browser's key with its secret and the origin of its page is no finding."""
    collector = Collector(tmp_path, {"COLLECTOR_PORT": "1", "COLLECTOR_ORIGINS": "https://shop.example"})
    collector.add("page", browser=True)
    assert reported(collector.settings).keys() == {"ok", "unknown"}


def test_faults_of_webhooks_are_found(collector, tmp_path) -> None:
    """A sender that signs without a secret, with short ones only, or with an address that nobody named, is found."""
    (tmp_path / "blank").write_text("\n\n")
    (tmp_path / "some").write_text("short\nlong enough\n")
    collector.add("bare", sender="shopify")
    collector.add("blank", sender="shopify", secret_file=tmp_path / "blank")
    collector.add("some", sender="hubspot", secret_file=tmp_path / "some")
    found = reported(collector.settings)
    for word in ("source bare has no secret", "secret of blank cannot be read or is too short"):
        assert any(word in message for message in found["problem"]), word
    for word in ("1 lines of the secrets of some", "hubspot signs the address"):
        assert any(word in message for message in found["warning"]), word


def test_what_no_table_maps_is_told(collector, tmp_path) -> None:
    """Webhooks that make no touchpoints are named with their counts, by the metrics of the processes that run."""
    (tmp_path / "secret").write_text("new secret")
    collector.add("shop-1", sender="shopify", secret_file=tmp_path / "secret")
    collector.ask("/health/live", method="GET")
    for topic in ("products/update", "products/update", "other"):
        collector.wired.metrics.passed_over("shop-1", topic, "unmapped")
    collector.wired.metrics.passed_over("shop-1", "orders/paid", "nobody")
    server, thread = start_http_server(0, "127.0.0.1", collector.wired.metrics.registry)
    try:
        asked = dataclasses.replace(collector.settings, collector_metrics_port=server.server_port)
        (said,) = reported(asked)["remark"]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert said.endswith("products/update of shop-1 (2 times), other of shop-1 (1 times).")


def test_a_broken_file_is_one_problem_of_the_doctor(collector) -> None:
    """A broken file is reported as one problem of the area, and the other areas are checked all the same."""
    collector.file.write_text("{")
    with pytest.raises(ConfigurationError):
        list(findings(collector.settings))
    asked = dataclasses.replace(collector.settings, kafka_bootstrap=None, redis_url=None)
    (found,) = [each for each in examine(Inquiry(asked), {}) if each.area == "collector"]
    assert found.state == "problem" and "COLLECTOR_KEYS" in found.message
