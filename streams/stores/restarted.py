"""The list of restarts in Redis: each process that is started again notes it, for `tracker doctor` to read.

The supervisor itself needs neither Redis nor a page. A process that ends before it reaches Redis leaves no note; the
next one that does notes how many there were.
"""

from collections.abc import Iterator
from time import time
from typing import Any, Final

import msgspec

from streams.stores.keys import PREFIX

KEPT: Final = 1000
KEPT_S: Final = 7 * 86_400


class Restarted(msgspec.Struct, frozen=True):
    """One restart of a process."""

    at_s: float
    """Unix time, by the clock of the process."""
    host: str
    count: int
    """Restarts of this process since its supervisor started."""
    exit_code: int
    """How its predecessor ended; a negative number is a signal."""


def restarts_key(prefix: str = PREFIX) -> str:
    """List (JSON): the last restarts of worker processes, the newest first; it expires a week after the last."""
    return f"{prefix}:restarts"


def note(client: Any, host: str, count: int, exit_code: int, prefix: str = PREFIX) -> None:
    """Add a restart, through a blocking client."""
    key = restarts_key(prefix)
    with client.pipeline(transaction=False) as pipe:
        pipe.lpush(key, msgspec.json.encode(Restarted(time(), host, count, exit_code)))
        pipe.ltrim(key, 0, KEPT - 1)
        pipe.expire(key, KEPT_S)
        pipe.execute()


def noted(client: Any, prefix: str = PREFIX) -> Iterator[Restarted]:
    """The last restarts, the newest first, through a blocking client."""
    for line in client.lrange(restarts_key(prefix), 0, -1):
        yield msgspec.json.decode(line, type=Restarted)
