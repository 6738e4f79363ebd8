"""`tracker exporter`: serve the funnel to Prometheus."""

import asyncio
import os
import sys

from streams.clients.clients import redis_url
from streams.errors import ExitCode
from streams.exporter.exporter import run
from streams.process.logs import configure
from streams.settings.settings import read


def exporter() -> int:
    """Serve the funnel to Prometheus, until Ctrl-C or SIGTERM.

    /metrics has the customers by stage and status, how many reached each stage, drop-offs and more, and the age of
    these figures. While Redis is away the last figures are served. /health answers 503 once they are older than 15
    seconds, and while no worker looks after a partition. EXPORTER_PORT sets the port, TRACKER_HTTP_HOST the address
    (loopback by default).

    Examples:
      tracker exporter
      EXPORTER_PORT=9200 tracker exporter
    """
    settings = read(os.environ)
    configure(settings)
    redis_url(settings)
    asyncio.run(run(settings, lambda address: print(address, file=sys.stdout, flush=True)))
    return ExitCode.OK
