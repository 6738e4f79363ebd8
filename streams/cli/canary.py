"""`tracker canary`: measure the whole way."""

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
    """Send a synthetic customer through the whole pipeline again and again, until Ctrl-C or SIGTERM.

    Every 30 seconds each partition gets a touchpoint of its own canary, through one channel after the other. /metrics
    on CANARY_PORT has the time that each took from its producer to its state in Redis, the ones that wait, and those
    that were lost. No journey counts canaries: ids that begin with `canary:` are reserved for them.

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
        raise UsageError(f"--every is {every}.", "Give at least 1s.")
    asyncio.run(run(settings, every_ms / 1000, lambda address: print(address, file=sys.stdout, flush=True)))
    return ExitCode.OK
