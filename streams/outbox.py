"""The outbox: a batch's messages as one blob in the store, until Kafka has them."""

from collections.abc import Sequence

import msgspec

from tracker.plan import Message


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """The messages of one batch with the numbers that tell repeats: (partition, epoch, sequence)."""

    partition: int
    epoch: int
    first_sequence: int
    messages: list[Message]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Parcel).decode


def pack(partition: int, epoch: int, sequence: int, messages: Sequence[Message]) -> tuple[bytes, int]:
    """The blob (empty for no messages) and the sequence after it; `sequence` is the last one given out."""
    if not messages:
        return b"", sequence
    return _encode(Parcel(partition, epoch, sequence + 1, list(messages))), sequence + len(messages)


def unpack(blob: bytes) -> Parcel:
    """The parcel in a blob."""
    return _decode(blob)
