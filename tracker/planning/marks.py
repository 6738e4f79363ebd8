"""Marks: the number by which a repeated message of the tracker itself is recognised, made from its headers.

A worker that dies after publishing and before trimming its outbox leaves messages that its successor publishes again; a
worker that was paused may publish them late. In one partition of a topic the messages of one sending partition come in
rising order of (epoch, sequence). A message whose mark is not above the highest one seen is therefore a repeat. One
number for each sender is enough; remembering single messages would grow without end.
"""

from collections.abc import Iterable
from typing import Final

PARTITION: Final = "partition"
EPOCH: Final = "epoch"
SEQUENCE: Final = "sequence"

# The epoch in the high bits orders owners before messages. 48 bits last 8,900 years at a thousand messages a second.
_SEQUENCE_BITS: Final = 48
_DIGITS: Final = 18
"""The most digits of a number: an epoch, the largest of them, is a moment in milliseconds."""


def mark_of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[str, int] | None:
    """The key under which the sender's mark is kept, and the mark; None for a message of anybody else.

    Anybody may write to the topic, with any headers or with headers without values: those make no mark.
    """
    found = dict(headers)
    numbers = [_number(found.get(name)) for name in (PARTITION, EPOCH, SEQUENCE)]
    sender, epoch, sequence = numbers
    if sender is None or epoch is None or sequence is None or sequence >> _SEQUENCE_BITS:
        return None
    return f"from {sender}", epoch << _SEQUENCE_BITS | sequence


def _number(digits: bytes | None) -> int | None:
    """The number in a header; None for no number, or one that no worker reaches."""
    return int(digits) if digits and digits.isdigit() and len(digits) <= _DIGITS else None
