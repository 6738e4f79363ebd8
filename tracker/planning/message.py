"""A message to publish: which topic and partition it goes to, and its bytes."""

import msgspec


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message to publish. `partition` is the number in its topic.

    It is decoded again out of the outbox, so it is in no module that is compiled: mypyc forgets all of an annotation
    but the name of a class, and no decoder would take a key.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes
