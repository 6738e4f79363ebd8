"""The steps of a switch in the record, and what each partition writes while it stands still.

`tracker switch` makes the record say `switching` and keeps a key alive. The partitions of both builds come to a
standstill at the same offsets. Then either `tracker switch` makes the builds change places, or the switch is called
off, by whoever finds that the key has expired. Both are a change of the one record, so exactly one of them happens.
"""

from collections.abc import Callable
from time import time
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from streams.definitions.apply import change
from streams.definitions.record import Revision, Shadow
from streams.stores.keys import PREFIX

ALIVE_MS: Final = 10_000
"""How long partitions stand still for a `tracker switch` that does not say anything."""


class Standstill(msgspec.Struct, frozen=True):
    """Where a partition of one build stands still."""

    revision: int
    """The revision that asks for it."""
    offsets: dict[str, int]
    """By topic of touchpoints, the next offset to apply."""
    now_ms: int
    """The moment up to which drop-offs were looked for."""
    met: bool
    """Whether both builds stand here; the served one always does."""


def written(standstill: Standstill) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(standstill)


def read_standstill(stored: bytes | None, revision: int) -> Standstill | None:
    """What is stored of a revision's standstill; None where there is nothing, or another revision's."""
    found = msgspec.json.decode(stored, type=Standstill) if stored is not None else None
    return found if found is not None and found.revision == revision else None


def alive_key(prefix: str = PREFIX) -> str:
    """String that expires: `tracker switch` runs."""
    return f"{prefix}:switching"


def keep_alive(client: Any) -> None:
    """Say that `tracker switch` runs."""
    client.set(alive_key(), "1", px=ALIVE_MS)


def announced(client: Any, before: Revision, wall_s: Callable[[], float] = time) -> Revision | None:
    """The revision that asks both builds to stand still; None where the record has changed."""
    keep_alive(client)
    asked = _next(before, "switching", wall_s, switching=True)
    return asked if change(client, before.number, asked, {}) else None


def changed_places(client: Any, asked: Revision, wall_s: Callable[[], float] = time) -> Revision | None:
    """The revision in which the builds have changed places; None where the switch was called off."""
    assert asked.shadow is not None
    done = replace(
        _next(asked, "switch", wall_s, switching=False),
        journeys=asked.shadow.journeys,
        build=asked.shadow.build,
        shadow=Shadow(asked.build, asked.journeys),
    )
    return done if change(client, asked.number, done, {}) else None


def call_off(client: Any, asked: Revision, wall_s: Callable[[], float] = time) -> bool:
    """Let both builds go on as before; False where the record has changed."""
    return change(client, asked.number, _next(asked, "called off", wall_s, switching=False), {})


def call_off_if_left(client: Any, newest: Revision) -> bool:
    """Call a switch off whose `tracker switch` has ended without a word; whether that was done."""
    return newest.switching and not client.exists(alive_key()) and call_off(client, newest)


def _next(before: Revision, by: str, wall_s: Callable[[], float], *, switching: bool) -> Revision:
    return replace(before, number=before.number + 1, at_ms=int(wall_s() * 1000), by=by, switching=switching, of=0)
