"""Redis commands packed in C: what redis-py's connections for threads do, and those for the event loop do not yet."""

from typing import Any

import hiredis


def packed(connection: type[Any]) -> type[Any]:
    """A class of asyncio connections whose commands hiredis packs: a quarter of a microsecond a value, not one."""

    class Packed(connection):
        def pack_command(self, *args: Any) -> list[bytes]:
            # The first word may be two, as `SCRIPT LOAD`.
            return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    return Packed
