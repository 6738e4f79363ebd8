import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from streams.errors import ExitCode, TrackerError
from streams.process.health import Check, Pages


def asked(
    path: str, live: Check = lambda: None, ready: Check = lambda: None, accept: str = "", **options
) -> tuple[int, str, str]:
    """Status, content type and text of a page."""

    async def scenario() -> tuple[int, str, str]:
        registry = CollectorRegistry()
        Counter("seen", "Seen.", registry=registry).inc(3)
        pages = Pages(live, ready, registry, **options)
        port = await pages.start("127.0.0.1", 0)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept}) as response,
            ):
                return response.status, response.headers["Content-Type"], await response.text()
        finally:
            await pages.stop()

    return asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_all_is_well(path: str) -> None:
    """200 and one word for machines."""
    status, _, text = asked(path)
    assert (status, text) == (200, '{"status": "ok"}')


@pytest.mark.parametrize(("trouble", "status"), [(None, 200), ({"waiting for": ["redis"]}, 503)])
def test_details_are_on_one_page(trouble, status: int) -> None:
    """/health has them whether all is well or not; probes get the short answer."""
    pages = [asked(path, ready=lambda: trouble, details=lambda: {"age": 3}) for path in ("/health", "/health/ready")]
    assert [page[0] for page in pages] == [status, status]
    assert ['"age": 3' in page[2] for page in pages] == [True, False]


def test_not_ready_says_what_is_waited_for() -> None:
    """503 with the reason, while the process is alive."""
    trouble = {"waiting for": ["redis"]}
    status, _, text = asked("/health/ready", ready=lambda: trouble)
    assert status == 503
    assert "redis" in text
    assert asked("/health/live", ready=lambda: trouble)[0] == 200


@pytest.mark.parametrize(
    ("accept", "content_type"), [("", "text/plain"), ("application/openmetrics-text; version=1.0.0", "openmetrics")]
)
def test_metrics_come_in_the_form_that_is_asked_for(accept: str, content_type: str) -> None:
    """Prometheus' text, or OpenMetrics for whoever accepts it."""
    status, header, text = asked("/metrics", accept=accept)
    assert status == 200
    assert content_type in header
    assert "seen_total 3.0" in text


def test_other_paths_are_not_there() -> None:
    """Three pages and nothing else."""
    assert asked("/router")[0] == 404


def test_a_port_in_use_is_one_clear_line() -> None:
    """The number, the remedy and an exit code of its own."""

    async def scenario() -> None:
        first, second = (Pages(lambda: None, lambda: None, CollectorRegistry()) for _ in range(2))
        port = await first.start("127.0.0.1", 0)
        with pytest.raises(TrackerError) as caught:
            await second.start("127.0.0.1", port)
        await first.stop()
        assert caught.value.exit_code is ExitCode.PORT_IN_USE
        assert str(port) in caught.value.message
        assert "TRACKER_HTTP_PORT" in caught.value.remedy

    asyncio.run(scenario())


def test_stopping_what_never_started_does_no_harm() -> None:
    """A worker that fails before its port is open still ends in order."""
    asyncio.run(Pages(lambda: None, lambda: None, CollectorRegistry()).stop())
