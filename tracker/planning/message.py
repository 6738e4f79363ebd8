"""A message to publish: its topic, its partition and its bytes; and the encoding of messages on `journey.routed`."""

from collections.abc import Callable
from typing import Final

import msgspec

from schemas.routed import SCHEMA, UNSAID, Routed

_encode: Final = msgspec.msgpack.Encoder().encode


def _encode_newer(message: Routed) -> bytes:
    return _encode(msgspec.structs.replace(message, schema=SCHEMA))


# The version is written only where it is not the first one.
encode_routed: Final[Callable[[Routed], bytes]] = _encode if SCHEMA == UNSAID else _encode_newer
decode_routed = msgspec.msgpack.Decoder(Routed).decode


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message to publish; `partition` is the partition of its topic.

    It is decoded again from the outbox, so it is in no compiled module: mypyc keeps only the class of an annotation,
    and a decoder would refuse the key.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    again: bool = False
    """Whether it was published before, of the same input; it then bears the header `again`."""
