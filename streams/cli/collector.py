"""`tracker collector`: accept touchpoints over HTTP."""

import os
from typing import Annotated

import typer

from streams.process.logs import configure
from streams.settings.settings import read


def collector(
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=256, help="Collector processes.")] = 1,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> int:
    """Accept touchpoints over HTTP, until Ctrl-C or SIGTERM.

    Producers may use Segment's HTTP API (/v1/track, /v1/batch ...), CloudEvents (/v1/cloudevents), the tracker's own
    schema (/v1/touchpoints) and the webhooks of shops and help desks. A 2xx answer means that Kafka has the
    touchpoints; 503 asks the producer to send them again. `tracker keys new` creates the write key that a producer
    needs.

    Processes share the port; one per core is a good number.

    Examples:
      TRACKER_HASH_KEY_FILE=hash-key tracker collector
      COLLECTOR_PORT=8090 tracker collector --processes 2
    """
    from streams.collector import server
    from streams.process.open_files import require_open_files
    from streams.process.restarts import restarts
    from streams.process.supervisor import supervise

    settings = read(os.environ)
    configure(settings)
    require_open_files()
    if supervised:
        shared = server.bind(settings.collector_host, settings.collector_port, alone=False)
        return server.serve(settings, shared, supervised=True, restarts=restarts(os.environ))
    server.preflight(settings)
    if processes == 1:
        return server.serve(settings, server.bind(settings.collector_host, settings.collector_port, alone=True))
    server.bind(settings.collector_host, settings.collector_port, alone=True).close()
    # Bound but not listening: the port stays reserved while processes come and go.
    with server.bind(settings.collector_host, settings.collector_port, alone=False) as held:
        return supervise(server.children(processes, settings, held.getsockname()[1], os.environ))
