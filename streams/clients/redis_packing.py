"""Redis commands packed in C. redis-py's blocking connections do so by themselves, its asyncio ones do not yet."""

from typing import Any

import hiredis


def packed(connection: type[Any]) -> type[Any]:
    """A class of asyncio connections whose commands hiredis packs: 0.25 µs a value instead of 1 µs."""

    class Packed(connection):
        def pack_command(self, *args: Any) -> list[bytes]:
            # The name of a command may be two words, such as `SCRIPT LOAD`.
            return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    return Packed
