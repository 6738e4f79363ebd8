"""`tracker worker`: process touchpoints from Kafka as they arrive."""

import asyncio
import gc
import os
from typing import Annotated

import typer

from streams.process.logs import configure
from streams.process.open_files import require_open_files
from streams.process.restarts import restarts
from streams.process.supervisor import supervise, worker_children
from streams.settings.settings import read
from streams.worker.failpoint import VARIABLE, after_step
from streams.worker.preflight import preflight


def worker(
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=256, help="Worker processes.")] = 1,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> int:
    """Process touchpoints from Kafka as they arrive, until Ctrl-C or SIGTERM.

    Each process takes a share of the partitions; one per core is a good number. A process that ends is restarted; a
    fault that comes again and again ends all of them with its exit code. KAFKA_BOOTSTRAP and REDIS_URL name the servers
    (`tracker servers up` starts some).

    Examples:
      tracker worker
      tracker worker --processes 4
      TRACKER_HTTP_PORT=9100 tracker worker --processes 2     # /health and /metrics on 9100 and 9101
    """
    settings = read(os.environ)
    configure(settings)
    require_open_files()
    if supervised:
        from streams.worker.worker import run

        _collect_garbage_rarely()
        after = after_step(os.environ.get(VARIABLE, ""))
        return asyncio.run(run(settings, after, supervised=True, restarts=restarts(os.environ)))
    preflight(settings)
    return supervise(worker_children(processes, settings.http_port, os.environ))


def _collect_garbage_rarely() -> None:
    """Make Python's garbage collector run rarely.

    A batch makes some hundred thousand objects that live as long as it does and are in no cycle. Scanning them and all
    that is imported took a quarter of a worker's time: 38 µs a touchpoint, 33 with the imported objects left out, 28
    with a first threshold of 50,000 instead of 700, and a twentieth less with one that no batch reaches.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
