"""Several hashes of one slot as they were at one moment, from a single Redis or a Cluster."""

from typing import Any


def hashes(client: Any, *names: str) -> list[dict[bytes, bytes]]:
    """The hashes of these names, read in one transaction: no writer gets in between."""
    with client.pipeline(transaction=True) as pipe:
        for name in names:
            pipe.hgetall(name)
        return [_paired(reply) for reply in pipe.execute()]


def _paired(reply: Any) -> dict[bytes, bytes]:
    # A Cluster's client gives the replies of a transaction as the server wrote them: name, value, name, value.
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
