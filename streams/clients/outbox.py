"""The outbox: a batch's messages as one blob in the store, until Kafka has them."""

from collections.abc import Sequence

import msgspec

from tracker.planning.message import Message


class OutboxBatch(msgspec.Struct, frozen=True, array_like=True):
    """The messages of one batch with what tells repeats: (partition, generation, epoch, sequence)."""

    partition: int
    epoch: int
    first_sequence: int
    messages: Sequence[Message]
    generation: str = ""
    """Of the owner that decided them; empty in what versions without generations left behind."""

    @property
    def last_sequence(self) -> int:
        """The number of the last message; the one before the first where there is none."""
        return self.first_sequence + len(self.messages) - 1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(OutboxBatch).decode


def pack(batch: OutboxBatch) -> bytes:
    """The blob of a batch; empty for no messages."""
    return _encode(batch) if batch.messages else b""


def unpack(blob: bytes) -> OutboxBatch:
    """The batch in a blob."""
    return _decode(blob)
