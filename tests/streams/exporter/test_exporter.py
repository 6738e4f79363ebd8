import asyncio
import os
import signal
import socket
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
import redis.exceptions
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from streams.definitions.served import Served
from streams.errors import ExitCode, TrackerError, Unreachable
from streams.exporter.exporter import Exporter, FunnelCollector, Latest, run, wire
from streams.exporter.figures import Figures, read
from streams.exporter.series import DEEP, FRESHNESS, FUNNEL
from streams.settings.settings import read as read_settings
from streams.stores.attendance import Attendance
from streams.stores.keys import keys
from tests.stored import Redis, crowd, definition, fill
from tracker.figures.fields import FIGURES, parse

TOPICS = ("touchpoints.web", "touchpoints.shop")


def shown(latest: Latest, now_s: float = 10.0) -> dict[tuple[str, ...], float]:
    """Every sample of a scrape by its name and label values."""
    registry = CollectorRegistry()
    registry.register(FunnelCollector(Served.of([definition()]), TOPICS, latest, lambda: now_s))
    text = generate_latest(registry).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def latest(*fields: tuple[str, int]) -> Latest:
    found = Latest()
    found.took(Figures({parse(field): count for field, count in fields}, {(TOPICS[0], 1): 7}), 4.0, 4.5, 1000.0)
    return found


def test_the_funnel_is_shown() -> None:
    """Customers by stage and status, reached, drop-offs: as the aggregates have them, days added up."""
    samples = shown(
        latest(
            ("shop|current|seen|waiting", 5),
            ("shop|reached|2026-11-21|seen|1", 2),
            ("shop|reached|2026-11-22|seen|1", 3),
            ("shop|reached|2026-11-22|seen|1|type=b2b", 3),
            ("shop|dropoffs|seen", 4),
            ("shop|funnel|2026-11-22|seen", 4),
            ("shop|funnel|2026-11-22|bought", 1),
        )
    )
    assert samples["tracker_customers", "shop", "seen", "waiting"] == 5
    assert samples["tracker_stage_reached", "shop", "seen"] == 5
    assert samples["tracker_stage_dropoffs", "shop", "seen"] == 4
    assert samples["tracker_funnel", "shop", "seen"] == 5
    assert samples["tracker_funnel", "shop", "bought"] == 1


def test_nothing_yet_is_zero() -> None:
    """Every declared stage has its series before the first customer comes."""
    samples = shown(latest())
    assert samples["tracker_customers", "shop", "bought", "completed"] == 0
    assert samples["tracker_stage_reached", "shop", "bought"] == 0
    assert samples["tracker_journeys_begun", "shop"] == 0


def test_undeclared_names_are_other() -> None:
    """A journey or stage that no file declares any more adds up under `other`; its name becomes no label."""
    samples = shown(
        latest(("gone|current|x|waiting", 2), ("shop|current|gone|waiting", 3), ("gone|cohort|2026-11-22", 1))
    )
    assert samples["tracker_customers", "other", "other", "waiting"] == 2
    assert samples["tracker_customers", "shop", "other", "waiting"] == 3
    assert samples["tracker_journeys_begun", "other"] == 1
    assert not any("gone" in labels for labels in samples)


def test_freshness_is_shown() -> None:
    """The age is that of the beginning of the reading; the progress by topic is beside it."""
    samples = shown(latest(), now_s=10.0)
    assert samples["tracker_figures_age_seconds",] == 6.0
    assert samples["tracker_figures_changed_time_seconds",] == 1000.0
    assert samples["tracker_figures_read_seconds",] == 0.5
    assert samples["tracker_applied_records", "touchpoints.web"] == 7
    assert samples["tracker_applied_records", "touchpoints.shop"] == 0
    assert samples["tracker_figures_redis_available",] == 1


def test_before_the_first_reading_there_are_no_figures() -> None:
    """No number is made up: without figures there is but the word that there are none."""
    assert shown(Latest()) == {("tracker_figures_redis_available",): 0.0}


def test_figures_that_stand_still_keep_their_moment() -> None:
    """The time of the last progress moves with the applied offsets, not with the readings."""
    found = latest()
    found.took(found.figures, 6.0, 6.1, 2000.0)
    assert found.changed_unix_s == 1000.0
    found.took(Figures({}, {(TOPICS[0], 1): 8}), 8.0, 8.1, 3000.0)
    assert found.changed_unix_s == 3000.0


def test_a_switch_is_no_loss() -> None:
    """The other build's offsets have their own history: lower ones make the figures incomplete only after that."""
    found = latest()
    lower = Figures({}, {(TOPICS[0], 1): 3}, build="b2")
    found.took(lower, 6.0, 6.1, 2000.0)
    assert found.complete
    found.took(replace(lower, offsets={(TOPICS[0], 1): 2}), 8.0, 8.1, 3000.0)
    assert not found.complete


def test_the_table_names_what_exists() -> None:
    """Each series stands once and reads a figure with parts that the aggregates have."""
    names = [series.name for series in (*FUNNEL, DEEP, *FRESHNESS)]
    assert len(names) == len(set(names))
    assert all(set(series.parts) <= set(FIGURES[series.figure]) for series in (*FUNNEL, DEEP))


def exporter(client: Redis) -> Exporter:
    def take() -> Figures:
        try:
            return read(client, 4)
        except redis.exceptions.ConnectionError as error:
            raise Unreachable("Redis does not answer.") from error

    return Exporter(Served.of([definition()]), TOPICS, take, every_s=0.01, stale_after_s=0.2)


def test_the_last_figures_outlive_redis() -> None:
    """While Redis is away the last figures are served and age; readiness ends when they are old; it comes back."""
    client = Redis()
    fill(client, crowd(30), 4)

    async def story() -> None:
        found = exporter(client)
        assert found.ready() == {"waiting for": ["the first figures"], "trouble": ""}
        await found.look()
        assert found.ready() is None
        before = found.latest.figures
        client.down = redis.exceptions.ConnectionError("gone")
        await found.look()
        assert (found.latest.figures, found.latest.available) == (before, False)
        assert found.ready() is None
        await asyncio.sleep(0.25)
        assert found.ready()["trouble"] == "Redis does not answer."
        client.down = None
        await found.look()
        assert found.ready() is None

    asyncio.run(story())


def test_figures_that_nobody_goes_on_with_are_not_complete() -> None:
    """While no worker looks after a partition the exporter is not ready and says which; then all is well again."""
    client = Redis()
    fill(client, crowd(30), 4)
    ages = [1.0, 1.0, 95.0, 1.0]

    async def story() -> None:
        found = exporter(client)
        found._attend = lambda: [Attendance(number, age, 1, is_taken=True) for number, age in enumerate(ages)]
        await found.look()
        assert found.ready() == {"nobody applies": "partition 2, for 95 s"}
        assert not found.latest.complete and shown(found.latest)["tracker_partitions_neglected",] == 1.0
        assert shown(found.latest)["tracker_figures_complete",] == 0.0
        told = found.by_partition()
        assert [each["neglected"] for each in told["partitions"].values()] == [False, False, True, False]
        assert told["complete"] is False and told["partitions"]["2"]["seconds_since_a_worker_looked"] == 95.0
        ages[2] = 0.5
        await found.look()
        assert found.ready() is None and found.latest.complete

    asyncio.run(story())


def fetch(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_answers_over_http() -> None:
    """/metrics and the health pages are there; not ready is 503."""
    client = Redis()
    fill(client, crowd(30), 4)

    async def story() -> None:
        found = exporter(client)
        port = await found.pages.start("127.0.0.1", 0)
        there = f"http://127.0.0.1:{port}"
        assert (await asyncio.to_thread(fetch, f"{there}/health"))[0] == 503
        assert (await asyncio.to_thread(fetch, f"{there}/health/live"))[0] == 200
        await found.look()
        assert (await asyncio.to_thread(fetch, f"{there}/health/ready"))[0] == 200
        status, text = await asyncio.to_thread(fetch, f"{there}/metrics")
        assert status == 200
        assert 'tracker_stage_reached{journey="shop",stage="bought"} 10.0' in text
        await found.pages.stop()

    asyncio.run(story())


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_a_page_is_what_the_registry_says(accept) -> None:
    """Written ahead, and byte for byte what prometheus_client would write now, in either format."""
    client = Redis()
    fill(client, crowd(30), 4)
    found = exporter(client)
    found._collector._clock_s = lambda: 7.0
    encode, content_type = choose_encoder(accept)
    for _ in range(3):
        asyncio.run(found.look())
        registry = CollectorRegistry()
        registry.register(found._collector)
        assert found._collector.render(encode, content_type) == encode(registry)


def test_a_port_in_use_is_one_clear_error() -> None:
    """The error names the variable that chooses the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = replace(read_settings({"REDIS_URL": "redis://127.0.0.1:1"}), exporter_port=port)
        with pytest.raises(TrackerError, match=f"Port {port}") as error:
            asyncio.run(run(settings))
    assert error.value.exit_code is ExitCode.PORT_IN_USE
    assert "EXPORTER_PORT" in error.value.remedy


def test_it_ends_when_asked() -> None:
    """SIGTERM ends it cleanly, also when Redis never answered."""
    settings = replace(read_settings({"REDIS_URL": "redis://127.0.0.1:1"}), exporter_port=0)
    addresses: list[str] = []

    def hear(address: str) -> None:
        addresses.append(address)
        os.kill(os.getpid(), signal.SIGTERM)

    asyncio.run(asyncio.wait_for(run(settings, hear), 20))
    assert addresses[0].endswith("/metrics")


def test_nothing_is_connected_before_it_is_needed() -> None:
    """Wiring needs no server: a Redis that comes later is waited for."""
    assert wire(read_settings({"REDIS_URL": "redis://127.0.0.1:1"})).latest.figures is None


def test_a_partition_is_read_in_one_go() -> None:
    """What is served is what `figures` reads: all partitions, each in one transaction."""
    client = Redis()
    fill(client, crowd(30), 4)
    client.hset(keys(1).offsets, TOPICS[0], b"12")
    found = exporter(client)
    asyncio.run(found.look())
    assert found.latest.figures.offsets == {(TOPICS[0], 1): 12}
