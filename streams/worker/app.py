"""The Faust app: its settings, and an agent a topic that hands batches to their partitions."""

from collections.abc import AsyncIterator
from typing import Any, Final

import faust

from streams.clients.clients import faust_arguments
from streams.definitions.builds import FIRST, group_of, topic_of
from streams.settings.settings import Settings
from streams.worker.ownership import Ownership

SCHEME: Final = "batched"
"""Chooses `streams/worker/transport.py` by Faust's entry points."""

# Batches that wait between Faust's conductor and an agent; a full one makes the fetch wait.
BUFFER_BATCHES: Final = 4

# Bounds of one fetch of a topic-partition. A state is read, folded and written once a batch, so a larger batch, which
# meets the same customer several times, costs less with a backlog: 12.4 µs a touchpoint at 8 MiB, 15.9 µs at 2 MiB.
LEAST_FETCH_BYTES: Final = 1024 * 1024
MOST_FETCH_BYTES: Final = 8 * 1024 * 1024
# What the fetches of one topic may hold in memory together when this worker has all of its partitions.
FETCHED_BYTES: Final = 64 * 1024 * 1024
# The most records of one poll over all partitions: high enough that the fetch of one partition is rarely divided.
POLL_RECORDS: Final = 100_000


class TrackerApp(faust.App):
    """Faust's app, with the `Ownership` that decides for the transport which partitions are read."""

    ownership: Ownership
    batch_records: int
    """The most records of one batch."""
    build: str = FIRST
    """The build that this process keeps; its topic of routed messages has another name in Kafka than here."""

    def _create_directories(self) -> None:
        """Make no directories: Faust keeps tables there, and this app has none."""


def fetch_bytes(partitions: int) -> int:
    """The most bytes that one fetch of a topic-partition brings when the topic has `partitions` partitions."""
    return min(MOST_FETCH_BYTES, max(LEAST_FETCH_BYTES, FETCHED_BYTES // partitions))


def build_app(settings: Settings, build: str = FIRST) -> TrackerApp:
    """The app for a build, without agents yet. docs/dependencies.md gives the reason for each option."""
    arguments = faust_arguments(settings)
    arguments["broker"] = [address.replace("kafka://", f"{SCHEME}://") for address in arguments["broker"]]
    app = TrackerApp(
        group_of(settings.group, build),
        **arguments,
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # 0 would silently change the assignor to one that splits a customer's home between workers.
        table_standby_replicas=1,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=fetch_bytes(settings.partitions),
        broker_max_poll_records=POLL_RECORDS,
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_request_timeout=max(20.0, settings.session_timeout_s + 5),
        broker_rebalance_timeout=max(20.0, settings.session_timeout_s * 2),
        producer_threaded=False,
        stream_buffer_maxsize=BUFFER_BATCHES,
        # Partition workers finish the batch in progress. Waiting for all buffered batches too would delay a rebalance.
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
    )
    app.batch_records, app.build = settings.batch_records, build
    return app


def add_agents(app: TrackerApp, topics: tuple[str, ...]) -> None:
    """Add one agent a topic. It hands each batch to its partition worker, which acknowledges it once it is applied."""

    async def apply(stream: Any) -> None:
        events: AsyncIterator[Any] = stream.noack().events()
        async for event in events:
            app.ownership.put(event.value, event.ack)

    for topic in (topic_of(topic, app.build) for topic in topics):
        channel = app.topic(topic, key_serializer="raw", value_serializer="raw")
        # A higher concurrency loses events (faust-streaming#606). Partitions and processes scale the work instead.
        app.agent(channel, name=f"apply {topic}", concurrency=1)(apply)
