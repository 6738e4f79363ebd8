"""`tracker worker`: apply touchpoints as they arrive."""

import asyncio
import os
from typing import Annotated

import typer

from streams.failpoint import VARIABLE, after_step
from streams.logs import configure
from streams.preflight import preflight
from streams.settings import read
from streams.supervisor import supervise, worker_children


def worker(
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=256, help="Worker processes.")] = 1,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> int:
    """Apply touchpoints as they arrive, until Ctrl-C or SIGTERM.

    Each process takes its share of the partitions; one a core is a good number. A process that ends is started
    again. KAFKA_BOOTSTRAP and REDIS_URL say where the servers are (`tracker servers up` starts some).

    Examples:
      tracker worker
      tracker worker --processes 4
      TRACKER_HTTP_PORT=9100 tracker worker --processes 2     # /health and /metrics on 9100 and 9101
    """
    settings = read(os.environ)
    configure(settings)
    if supervised:
        from streams.worker import run

        return asyncio.run(run(settings, after_step(os.environ.get(VARIABLE, "")), supervised=True))
    preflight(settings)
    return supervise(worker_children(processes, settings.http_port, os.environ))
