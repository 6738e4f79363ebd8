"""The Faust app: its settings, and an agent a topic that hands batches to their partitions."""

from collections.abc import AsyncIterator
from typing import Any, Final

import faust

from streams.clients.clients import faust_arguments
from streams.settings.settings import Settings
from streams.worker.ownership import Ownership

SCHEME: Final = "batched"
"""Chooses `streams/worker/transport.py` by Faust's entry points."""

# Batches that wait between Faust's conductor and an agent; a full one makes the fetch wait.
BUFFER_BATCHES: Final = 4

# Of a topic-partition by one fetch. A state is read, folded and written once a batch, so with a backlog batches that
# meet the same customers several times cost less: 8 MiB are 12.4 µs a touchpoint, 2 MiB 15.9. All partitions of a topic
# together hold so much of a worker's memory, in case that it has them all.
LEAST_FETCH_BYTES: Final = 1024 * 1024
MOST_FETCH_BYTES: Final = 8 * 1024 * 1024
FETCHED_BYTES: Final = 64 * 1024 * 1024
# Of all partitions by one poll: so many that the fetch of a partition is hardly ever divided here.
POLL_RECORDS: Final = 100_000


class TrackerApp(faust.App):
    """Faust's app with the owner of its partitions, whom the transport asks what to read."""

    ownership: Ownership
    batch_records: int
    """The most records of one batch."""

    def _create_directories(self) -> None:
        """None: there are no tables to keep in them."""


def fetch_bytes(partitions: int) -> int:
    """The most bytes of a topic-partition that one fetch brings, where a topic has so many partitions."""
    return min(MOST_FETCH_BYTES, max(LEAST_FETCH_BYTES, FETCHED_BYTES // partitions))


def build_app(settings: Settings) -> TrackerApp:
    """The app for the settings, without agents yet. What bites in each option is in docs/dependencies.md."""
    arguments = faust_arguments(settings)
    arguments["broker"] = [address.replace("kafka://", f"{SCHEME}://") for address in arguments["broker"]]
    app = TrackerApp(
        settings.group,
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
        # Partition workers finish what is in progress; waiting for all that is buffered would hold up a rebalance.
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
    )
    app.batch_records = settings.batch_records
    return app


def add_agents(app: TrackerApp, topics: tuple[str, ...]) -> None:
    """An agent a topic. It only hands over: what a batch is acknowledged for happens in its partition worker."""

    async def apply(stream: Any) -> None:
        events: AsyncIterator[Any] = stream.noack().events()
        async for event in events:
            app.ownership.put(event.value, event.ack)

    for topic in topics:
        channel = app.topic(topic, key_serializer="raw", value_serializer="raw")
        # More than one would lose events (faust-streaming#606); partitions and processes are the scale.
        app.agent(channel, name=f"apply {topic}", concurrency=1)(apply)
