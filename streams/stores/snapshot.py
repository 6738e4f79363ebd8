"""Several hashes of one slot, read at one moment, from a single Redis or a Cluster."""

from typing import Any


def hashes(client: Any, *names: str) -> list[dict[bytes, bytes]]:
    """The hashes of these names, read in one transaction, so that no write comes in between."""
    with client.pipeline(transaction=True) as pipe:
        for name in names:
            pipe.hgetall(name)
        return [_paired(reply) for reply in pipe.execute()]


def _paired(reply: Any) -> dict[bytes, bytes]:
    # The client of a Cluster returns the replies of a transaction unparsed: name, value, name, value.
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
