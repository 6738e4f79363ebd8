"""`tracker servers`: Kafka and Redis for development."""

import json
import shlex
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Self

import typer

from streams.errors import ExitCode
from streams.process.terminal import unfiltered
from streams.servers import Servers

if TYPE_CHECKING:
    from rich.status import Status

LOOK_S = 0.5

app = typer.Typer()


@app.callback()
def servers() -> None:
    """Start Kafka and Redis for development: real ones, on loopback, with nothing to install."""


@app.command()
def up(
    *,
    kafka_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Left out: a free port.")] = None,
    redis_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Left out: a free port.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep the data in this directory. Left out: they are deleted at the end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object when both are ready.")] = False,
) -> int:
    """Start Kafka and Redis, print their addresses, run until Ctrl-C.

    Examples:
      tracker servers up
      tracker servers up --kafka-port 9092 --redis-port 6379 --data ./data
      tracker servers up --json
    """
    ours = partial(Servers, kafka_port=kafka_port, redis_port=redis_port, data=data)
    try:
        with _StartProgress() as progress, ours(report=progress.show) as running:
            progress.end()
            print(_as_json(running, data) if as_json else _as_text(running, data), flush=True)
            stay(running)
    except SystemExit:
        # SIGTERM, which the command line turns into an exception, is how a service manager stops a service.
        return ExitCode.OK


def stay(running: Servers) -> NoReturn:
    """Never returns; raises TrackerError when a server ends by itself."""
    while True:
        for server in (running.kafka, running.redis):
            if server is not None and not server.runs:
                raise server.failure()
        time.sleep(LOOK_S)


def _as_json(running: Servers, data: Path | None) -> str:
    return json.dumps(
        {
            "kafka_bootstrap": running.kafka_bootstrap,
            "redis_url": running.redis_url,
            "data": str(data.absolute()) if data else None,
        }
    )


def _as_text(running: Servers, data: Path | None) -> str:
    fate = f"The data stay in {data.absolute()}." if data else "Their data are deleted then."
    return (
        f"Kafka  {running.kafka_bootstrap}\n"
        f"Redis  {running.redis_url}\n\n"
        f"export KAFKA_BOOTSTRAP={shlex.quote(running.kafka_bootstrap)}\n"
        f"export REDIS_URL={shlex.quote(running.redis_url)}\n\n"
        f"Ctrl-C stops both. {fate}"
    )


class _StartProgress:
    """The progress of the start: a status line on a terminal, one line per step elsewhere."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def show(self, line: str) -> None:
        if not sys.stderr.isatty():
            print(f"{line} ...", file=sys.stderr, flush=True)
        elif self._status is None:
            from rich.console import Console

            self._status = Console(file=unfiltered(sys.stderr)).status(line)
            self._status.start()
        else:
            self._status.update(line)

    def end(self) -> None:
        if self._status is not None:
            self._status.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.end()
