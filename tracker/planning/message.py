"""A message to publish: its topic, its partition and its bytes; and how those of `journey.routed` are encoded."""

import msgspec

from schemas.routed import Routed

encode_routed = msgspec.msgpack.Encoder().encode
decode_routed = msgspec.msgpack.Decoder(Routed).decode


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message to publish. `partition` is the number in its topic.

    It is decoded again out of the outbox, so it is in no module that is compiled: mypyc forgets all of an annotation
    but the name of a class, and no decoder would take a key.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    again: bool = False
    """Whether it was published before, of the same input; it then bears the header `again`."""
