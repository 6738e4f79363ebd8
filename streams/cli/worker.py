"""`tracker worker`: process touchpoints from Kafka as they arrive."""

import asyncio
import gc
import os
from typing import Annotated, Final

import typer

from streams.clients.clients import redis_client
from streams.definitions.builds import FIRST
from streams.definitions.watch import BuildsWatch
from streams.process.logs import configure
from streams.process.open_files import require_open_files
from streams.process.restarts import restarts
from streams.process.supervisor import Child, supervise, worker_children
from streams.settings.settings import read
from streams.worker.failpoint import VARIABLE, after_step
from streams.worker.preflight import preflight

SHADOW_NICE: Final = 10
"""By how much a shadow's processes stand back behind those of the served build on the same cores."""


def worker(
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=256, help="Worker processes.")] = 1,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
    build: Annotated[str, typer.Option("--build", hidden=True)] = FIRST,
    shadow: Annotated[bool, typer.Option("--shadow", hidden=True)] = False,
) -> int:
    """Process touchpoints from Kafka as they arrive, until Ctrl-C or SIGTERM.

    Each process takes a share of the partitions; one per core is a good number. A process that ends is restarted; a
    fault that comes again and again ends all of them with its exit code. While there is a shadow (`tracker shadow`), as
    many further processes build it, with a lower priority and any free ports. KAFKA_BOOTSTRAP and REDIS_URL name the
    servers (`tracker servers up` starts some).

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
        if shadow:
            os.nice(SHADOW_NICE)
        after = after_step(os.environ.get(VARIABLE, ""))
        return asyncio.run(run(settings, after, supervised=True, restarts=restarts(os.environ), build=build))
    preflight(settings)
    with BuildsWatch(lambda: redis_client(settings)) as watch:
        wanted = _Wanted(watch, processes, settings.http_port)
        return supervise(wanted() or [], wanted)


class _Wanted:
    """The processes that the record asks for, whenever it names other builds than before.

    The ports belong to the served build, whichever that is: dashboards go on after a switch.
    """

    def __init__(self, watch: BuildsWatch, count: int, http_port: int) -> None:
        self._watch = watch
        self._count = count
        self._http_port = http_port
        self._builds: tuple[str, ...] = ()

    def __call__(self) -> list[Child] | None:
        builds = self._watch.builds
        if builds == self._builds:
            return None
        self._builds = builds
        served, *shadows = builds
        children = worker_children(self._count, self._http_port, os.environ, *_named(served))
        for each in shadows:
            children += worker_children(self._count, 0, os.environ, *_named(each), "--shadow", is_vital=False)
        return children


def _named(build: str) -> list[str]:
    return ["--build", build] if build else []


def _collect_garbage_rarely() -> None:
    """Make Python's garbage collector run rarely.

    A batch makes some hundred thousand objects that live as long as it does and are in no cycle. Scanning them and all
    that is imported took a quarter of a worker's time: 38 µs a touchpoint, 33 with the imported objects left out, 28
    with a first threshold of 50,000 instead of 700, and a twentieth less with one that no batch reaches.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
