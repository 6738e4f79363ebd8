"""A worker process: `wire` builds it from the settings, `run` runs it to its end and decides its exit code."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.topics import ROUTED
from streams.clients.clients import async_redis_client, kafka_arguments, redis_client
from streams.clients.failures import door, translate
from streams.clients.publisher import KafkaPublisher, Publisher
from streams.definitions.builds import FIRST, prefix_of, routed_of
from streams.definitions.record import DefinitionRecord, Revision
from streams.errors import ExitCode, TrackerError
from streams.process.health import Pages
from streams.process.restarts import NONE, Restarts
from streams.settings.settings import Settings, read
from streams.stores.redis import RedisStore
from streams.stores.restarted import note
from streams.stores.store import Store
from streams.worker.app import TrackerApp, add_agents, build_app
from streams.worker.cache import Cache
from streams.worker.commit import Commit
from streams.worker.follower import Follower
from streams.worker.metrics import WorkerMetrics
from streams.worker.ownership import Ownership
from streams.worker.partition import PartitionWorker
from streams.worker.topic_watch import TopicWatch
from streams.worker.watchdog import Watchdog
from tracker.planning.planner import Planner

log = structlog.get_logger()

STOP_WITHIN_S: Final = 8.0
"""A stop that takes longer is cut off; the next owner applies the batches that were in progress."""


@dataclass(slots=True)
class Worker:
    """The parts of a worker process."""

    settings: Settings
    app: TrackerApp
    store: Store
    publisher: Publisher
    ownership: Ownership
    metrics: WorkerMetrics
    watchdog: Watchdog
    topic_watch: TopicWatch
    pages: Pages
    follower: Follower


def input_topics(settings: Settings) -> tuple[str, ...]:
    """The topics that a worker reads."""
    return tuple(topic.name for topic in settings.topics() if topic.direction == "input")


def wire(
    settings: Settings, end: Callable[[ExitCode, str], None], after_step: Callable[[int], None], build: str = FIRST
) -> Worker:
    """The worker that keeps a build. `end` is called with the exit code and the reason when it cannot go on."""
    topics = input_topics(settings)
    metrics = WorkerMetrics()
    app = build_app(settings, build)
    store = RedisStore(async_redis_client(settings), prefix_of(build))
    publisher = KafkaPublisher(kafka_arguments(settings), topics={ROUTED: routed_of(build)})
    follower = _follower(settings, metrics, build)
    commit = Commit(follower, store, publisher, Cache(settings.cache_bytes), metrics, after_step)

    def open_worker(partition: int) -> PartitionWorker:
        return PartitionWorker(partition, topics, app.consumer, commit, metrics, fenced, failed, build=build)

    def fenced(reason: str) -> None:
        end(ExitCode.FENCED, reason)

    def failed(error: BaseException) -> None:
        end(*_outcome(error, settings))

    def stalled(reason: str) -> None:
        end(ExitCode.STALLED, reason)

    ownership = app.ownership = Ownership(topics, open_worker, metrics.owned, settings.partitions)
    add_agents(app, topics)

    @app.on_partitions_revoked.connect
    async def revoke(_sender: Any, revoked: set[TP], **_kwargs: Any) -> None:
        await ownership.revoke(revoked)

    @app.on_partitions_assigned.connect
    async def join(_sender: Any, _assigned: set[TP], **_kwargs: Any) -> None:
        ownership.is_member = True

    reader = _ConsumerReader(app)
    watchdog = Watchdog(ownership.partitions, topics, reader, metrics, settings.stall_after_s, stalled)
    topic_watch = TopicWatch(ownership.partitions, topics, settings.partitions, reader, failed)

    def live() -> dict[str, object] | None:
        return {"waiting records": watchdog.waiting} if watchdog.is_stalled else None

    def ready() -> dict[str, object] | None:
        if metrics.away:
            return {"waiting for": sorted(metrics.away)}
        return None if ownership.ready else {"waiting for": ["partitions"]}

    pages = Pages(live, ready, metrics.registry)
    return Worker(settings, app, store, publisher, ownership, metrics, watchdog, topic_watch, pages, follower)


def _follower(settings: Settings, metrics: WorkerMetrics, build: str) -> Follower:
    def plan(record: DefinitionRecord, revision: Revision) -> Planner:
        journeys = record.fold(revision, settings.lateness_horizon_ms, build, settings.cohort_days)
        return Planner(journeys, settings.partitions, settings.kinds, settings.id_salt)

    return Follower(lambda: redis_client(settings), _journey_files, plan, metrics.begin, build)


def _journey_files() -> Sequence[Path]:
    """The journey files as they are now: a folder may have got another one."""
    return read(os.environ).journey_files()


def _outcome(error: BaseException, settings: Settings) -> tuple[ExitCode, str]:
    """Exit code and reason for a batch that cannot be applied; the error is logged."""
    known = translate(error, settings)
    if known is None:
        log.error("a batch cannot be applied", exc_info=error)
        return ExitCode.FAULT, f"{type(error).__name__}: {error}"
    log.error("a batch cannot be applied", reason=known.message, remedy=known.remedy)
    return known.exit_code, known.message


class _ConsumerReader:
    """The app's consumer, looked up at each call: Faust creates it only when it starts."""

    def __init__(self, app: TrackerApp) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app.consumer, name)


async def run(
    settings: Settings,
    after_step: Callable[[int], None] = lambda _step: None,
    *,
    supervised: bool = False,
    build: str = FIRST,
    restarts: Restarts = NONE,
) -> ExitCode:
    """Apply touchpoints until SIGTERM or SIGINT, or until the process cannot go on; returns its exit code.

    A supervised process also ends when its standard input closes: its supervisor has ended then. `restarts` are those
    that its supervisor tells of.
    """
    ended: asyncio.Future[tuple[ExitCode, str]] = asyncio.get_running_loop().create_future()

    def end(code: ExitCode, reason: str) -> None:
        if not ended.done():
            ended.set_result((code, reason))

    worker = wire(settings, end, after_step, build)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, ExitCode.OK, signal.Signals(number).name)
    if supervised:
        loop.add_reader(0, end, ExitCode.OK, "the supervisor has gone")
    if restarts.times:
        worker.metrics.restarted(restarts.times)
        # In a thread and before the port is opened: a Redis that is away delays nothing, a taken port hides nothing.
        loop.run_in_executor(None, _note, settings, restarts)
    port = await worker.pages.start(settings.http_host, settings.http_port)
    log.info("worker starts", health=f"http://{settings.http_host}:{port}/health/ready", group=worker.app.conf.id)
    loop.add_signal_handler(signal.SIGHUP, worker.follower.reload)
    watching = loop.create_task(_watch(worker, end))
    code, reason = await ended
    if supervised:
        loop.remove_reader(0)
    log.info("worker ends", reason=reason, exit_code=code.name)
    if code is ExitCode.FENCED:
        # What this process knows of its partitions is out of date. It leaves at once: an orderly stop would first
        # finish batches by that knowledge.
        _leave(code)
    _ = loop.call_later(STOP_WITHIN_S, _leave, code)
    watching.cancel()
    await worker.ownership.revoke({TP("", partition) for partition in worker.ownership.partitions})
    with contextlib.suppress(Exception):
        await worker.app.stop()
    await worker.pages.stop()
    await worker.publisher.close()
    await worker.store.close()
    return code


async def _watch(worker: Worker, end: Callable[[ExitCode, str], None]) -> None:
    """Run Faust and the watchdog; `end` is called when Faust stops or either fails."""
    try:
        await worker.follower.start()
        await worker.app.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.follower.run())
            tasks.create_task(worker.watchdog.run())
            tasks.create_task(worker.topic_watch.run())
            await worker.app.wait_until_stopped()
            raise worker.app.crash_reason or RuntimeError("Faust has stopped")  # noqa: TRY301
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it is, the process must not go on without it
        cause = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        log.error("faust cannot go on", error=f"{type(cause).__name__}: {cause}")  # noqa: TRY400  # the cause is said; its trace is Faust's
        end(_crash_code(cause, worker.settings), str(cause))


def _note(settings: Settings, restarts: Restarts) -> None:
    """Leave a note of the restart in Redis; a restart that cannot be noted stands in the supervisor's log alone."""
    with contextlib.suppress(TrackerError), door(settings):
        client = redis_client(settings, retries=0)
        try:
            note(client, gethostname(), *restarts)
        finally:
            client.close()


def _crash_code(cause: BaseException, settings: Settings) -> ExitCode:
    """The exit code of Faust's crash.

    Kafka's unnamed errors count as Kafka being away: the supervisor must never take an outage for a fault of ours.
    """
    known = translate(cause, settings)
    if known is not None and known.exit_code is not ExitCode.FAILED:
        return known.exit_code
    return ExitCode.UNREACHABLE if isinstance(cause, KafkaError) else ExitCode.FAILED


def _leave(code: ExitCode) -> None:
    """End the process now; threads and pending tasks are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
