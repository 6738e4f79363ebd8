"""A rig a test: servers of its own, because every test breaks them."""

import gc
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.torture.rig import Rig
from tests.servers import PrivateServers


@pytest.fixture
def rig(
    private_servers: PrivateServers, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Rig]]:
    """Makes the rig of a test: `rig(aof=False, options={…}, deviations=…)`; `kafka` and `redis` are servers of its own.

    With FAULTS_REPORT=FILE each test leaves a line of what its fault cost, for docs/reliability.md.
    """
    rigs: list[Rig] = []

    def make(
        *,
        aof: bool = True,
        redis_options: dict[str, str] | None = None,
        kafka: Any = None,
        redis: Any = None,
        replication: int = 1,
        **arguments: object,
    ) -> Rig:
        made = Rig(
            kafka or private_servers.kafka(),
            redis or private_servers.redis(aof=aof, **(redis_options or {})),
            tmp_path,
            **arguments,  # type: ignore[arg-type]
        )
        rigs.append(made)
        made.create_topics(replication=replication)
        return made

    yield make
    for made in rigs:
        if report := os.environ.get("FAULTS_REPORT"):
            with Path(report).open("a") as file:
                file.write(json.dumps({"test": request.node.name} | made.report()) + "\n")
        made.close()
    # What the feeder's aiokafka has left behind is found here, and not in a later test.
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The feeder's aiokafka leaves connections to a broker that vanished to the garbage collector."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
