"""`tracker canary`: end-to-end latency and loss, measured with synthetic customers."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from streams.canary import run
from streams.clients.clients import kafka_bootstrap, redis_url
from streams.errors import ExitCode, UsageError
from streams.process.logs import configure
from streams.settings.settings import read
from tracker import duration


def canary(
    every: Annotated[str, typer.Option("--every", help="Time between two touchpoints of a partition.")] = "30s",
) -> int:
    """Measure end-to-end latency and loss with synthetic customers, until Ctrl-C or SIGTERM.

    Every 30 seconds each partition receives a touchpoint of its own synthetic customer, on one channel after the other.
    /metrics on CANARY_PORT has the time that each took from the producer to the state in Redis, how many are on their
    way, and how many were lost. No journey counts these customers: ids that begin with `canary:` are reserved for them.

    Examples:
      tracker canary
      tracker canary --every 10s
    """
    settings = read(os.environ)
    configure(settings)
    redis_url(settings)
    kafka_bootstrap(settings)
    try:
        every_ms = duration.parse(every)
    except duration.DurationError as error:
        raise UsageError(f"--every: {error}.", error.remedy) from error
    if every_ms < 1000:
        raise UsageError(f"--every {every} is too short.", "Use at least 1s.")
    asyncio.run(run(settings, every_ms / 1000, lambda address: print(address, file=sys.stdout, flush=True)))
    return ExitCode.OK
