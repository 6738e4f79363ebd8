"""The outbox: the messages of a batch as one blob, which stays in the store until Kafka has confirmed them."""

from collections.abc import Sequence

import msgspec

from tracker.planning.message import Message


class OutboxBatch(msgspec.Struct, frozen=True, array_like=True):
    """The messages of one batch with what identifies repeats: (partition, generation, epoch, sequence)."""

    partition: int
    epoch: int
    first_sequence: int
    messages: Sequence[Message]
    generation: str = ""
    """Of the owner that decided them; empty in what versions without generations left behind."""

    @property
    def last_sequence(self) -> int:
        """The sequence of the last message; `first_sequence - 1` where there are no messages."""
        return self.first_sequence + len(self.messages) - 1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OutboxBatch).decode


def pack(batch: OutboxBatch) -> bytes:
    """The blob of a batch; empty for no messages."""
    return _encode(batch) if batch.messages else b""


def unpack(blob: bytes) -> OutboxBatch:
    """The batch in a blob."""
    return _decode(blob)
