"""Fixtures of real servers, for every folder of tests; nothing starts before a test asks for it."""

import gc
import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings
from redis import Redis

from streams.servers import Servers
from tests.servers import Names, PrivateServers, fresh_names, shared_servers, start_private_servers

# Machines that run tests do other things too: how long one example takes says nothing about the code.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


WITH_SERVERS = {"integration", "faults"}
# A dot for the colon, which would end the pattern.
CONNECTION = r"Exception ignored in. <(socket\.socket|function (AIOKafkaConnection|_SelectorTransport|StreamWriter)\.)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Clients of Kafka leave connections that failed to the garbage collector, which reports them in any later test."""
    for item in items:
        if any(mark.name in WITH_SERVERS for mark in item.iter_markers()):
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{CONNECTION}:pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="module", autouse=True)
def connections_of_clients(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the clients of a file with servers have left is found at its end, and not in a later file's test."""
    yield
    if any(mark.name in WITH_SERVERS for mark in request.node.iter_markers()):
        gc.collect()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka and Redis shared by the whole run: `kafka_bootstrap`, `redis_url`."""
    with shared_servers() as running:
        yield running


@pytest.fixture
def names() -> Names:
    """Topics and groups that no other test uses."""
    return fresh_names()


@pytest.fixture
def empty_redis(servers: Servers) -> Iterator[str]:
    """The shared Redis' address with nothing in it; one of the environment's must have been empty before."""
    with Redis.from_url(servers.redis_url) as client:
        if servers.redis is None and client.dbsize():
            pytest.fail("REDIS_URL names a database with data in it; tests want one that they may empty")
        client.flushdb()
        yield servers.redis_url
        client.flushdb()


@pytest.fixture
def private_servers() -> Iterator[PrivateServers]:
    """Starts servers that the test may break: `private_servers.kafka()`, `.redis(aof=False)`, `.redis_cluster()`."""
    with start_private_servers() as starter:
        yield starter


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test has failed: what it wants is installed there, or it is no test of ours."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped, but nothing is skipped with CI=true: {report.longrepr}"
    return report
