"""One collector process: its sockets, its pages, its start and its end."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
import uvloop

from streams.clients import topic_shapes
from streams.clients.clients import kafka_bootstrap
from streams.clients.failures import door
from streams.collector.app import Wired, wire
from streams.collector.connection import MOST_CONNECTIONS, BoundedConnection, Crowd
from streams.errors import ExitCode, TrackerError, Unreachable
from streams.process.health import Pages
from streams.process.logs import announce
from streams.process.open_files import open_files_beside
from streams.process.restarts import NONE, Restarts
from streams.process.supervisor import Child
from streams.settings.settings import Settings

log = structlog.get_logger()

FINISH_WITHIN_S: Final = 8
"""Time for open requests at the end; the supervisor kills after 9.5 s."""
CHECK_AGAIN_S: Final = 2.0


class State:
    """Why touchpoints are not accepted at present."""

    def __init__(self) -> None:
        self.trouble: dict[str, object] | None = {"waiting for": ["the topics to be checked"]}
        self.ending = False
        self.away: Callable[[], bool] = lambda: False

    def ready(self) -> dict[str, object] | None:
        """None when touchpoints are accepted, else the reason as JSON fields."""
        if self.ending:
            return {"ending": True}
        return self.trouble or ({"waiting for": ["kafka"]} if self.away() else None)


class Server(uvicorn.Server):
    """uvicorn's server, without its handling of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Does nothing: `run` decides what a signal means."""
        yield


def preflight(settings: Settings) -> None:
    """Returns when the collector can start. Raises TrackerError; a Kafka that does not answer is only logged."""
    kafka_bootstrap(settings)
    wire(settings, lambda: None)
    try:
        with door(settings):
            topic_shapes.require(topic_shapes.check(settings))
    except Unreachable as error:
        log.warning("kafka does not answer; starting anyway, and answering 503 until it does", reason=error.message)


def bind(host: str, port: int, *, alone: bool) -> socket.socket:
    """A socket bound to the address; with `alone` no other process can share the port. Raises TrackerError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not alone:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise TrackerError(
            f"The collector cannot listen on port {port} of {host}: {error.strerror or error}.",
            "Set COLLECTOR_PORT to another port, or to 0 for any free one.",
            ExitCode.PORT_IN_USE,
        ) from error
    return made


def children(count: int, settings: Settings, port: int, environ: Mapping[str, str]) -> list[Child]:
    """The commands and environments of `count` processes that share the port."""
    command = [sys.executable, "-m", "streams", "collector", "--supervised"]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, environ.get("PYTHONPATH", "")) if part)
    first = settings.collector_metrics_port
    return [
        Child(
            command,
            {
                **environ,
                "PYTHONPATH": path,
                "COLLECTOR_PORT": str(port),
                "COLLECTOR_METRICS_PORT": str(first + index if first else 0),
            },
        )
        for index in range(count)
    ]


async def run(
    settings: Settings,
    listening: socket.socket,
    tell: Callable[[str], Any] = announce,
    *,
    supervised: bool = False,
    restarts: Restarts = NONE,
) -> ExitCode:
    """Serve on the socket until SIGTERM or SIGINT; open requests are answered first.

    A supervised process also ends when its standard input closes: then its supervisor is gone. `restarts` are those
    that its supervisor tells of.
    """
    state = State()
    wired = wire(settings, state.ready)
    wired.metrics.restarted(restarts.times)
    state.away = lambda: wired.delivery.away
    server = _server(settings, wired)
    loop = asyncio.get_running_loop()

    def end() -> None:
        state.ending = True
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if supervised:
        loop.add_reader(0, end)
    pages = Pages(lambda: None, state.ready, wired.metrics.registry, "COLLECTOR_METRICS_PORT")
    metrics_port = await pages.start(settings.http_host, settings.collector_metrics_port)
    wired.delivery.start()
    checking = loop.create_task(_check_topics(settings, state))
    host, port = listening.getsockname()[:2]
    metrics = f"http://{settings.http_host}:{metrics_port}/metrics"
    log.info("collector starts", address=f"http://{host}:{port}", metrics=metrics)
    tell(f"http://{host}:{port}")
    try:
        await server.serve([listening])
    finally:
        if supervised:
            loop.remove_reader(0)
        checking.cancel()
        await wired.delivery.close()
        await pages.stop()
    log.info("collector ends")
    return ExitCode.OK


def _server(settings: Settings, wired: Wired) -> Server:
    proxies = settings.collector_proxies
    most = min(MOST_CONNECTIONS, open_files_beside(MOST_CONNECTIONS))
    config = uvicorn.Config(
        wired.app,
        http=type(
            "Connection",
            (BoundedConnection,),
            {"crowd": Crowd(most, settings.collector_address_connections, proxies or ())},
        ),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies or ()),
        backlog=1024,
        timeout_keep_alive=settings.collector_keep_alive_s,
        timeout_graceful_shutdown=FINISH_WITHIN_S,
    )
    return Server(config)


async def _check_topics(settings: Settings, state: State) -> None:
    """Check the topics until they match the settings; until then the collector is not ready."""
    while state.trouble is not None:
        try:
            with door(settings):
                topic_shapes.require(await asyncio.to_thread(topic_shapes.check, settings))
        except TrackerError as error:
            state.trouble = {"waiting for": ["the topics"], "trouble": error.message}
            await asyncio.sleep(CHECK_AGAIN_S)
        else:
            state.trouble = None


def serve(
    settings: Settings, listening: socket.socket, *, supervised: bool = False, restarts: Restarts = NONE
) -> ExitCode:
    """`run`, in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(settings, listening, supervised=supervised, restarts=restarts))
