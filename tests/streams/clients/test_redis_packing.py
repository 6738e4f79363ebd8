"""Commands packed in C are those that redis-py packs itself."""

import pytest
from redis.asyncio.connection import Connection

from streams.clients.redis_packing import packed


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "key"),
        ("SCRIPT LOAD", "return 1"),
        (b"CONFIG GET", "maxmemory"),
        ("HSET", "{0}:states", "é", b"\x00\xff", "count", 7, "far", -1.5),
        ("SET", "empty", b""),
        ("RPUSH", "outbox", b"x" * 100_000),
    ],
)
def test_the_bytes_are_the_same(command) -> None:
    """Whatever kinds of values a command has, and where its name is two words."""
    assert b"".join(packed(Connection)().pack_command(*command)) == b"".join(Connection().pack_command(*command))
