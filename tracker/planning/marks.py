"""Repeats: the number by which a message among the tracker's own is known, made of the headers it travels with.

A worker that dies between publishing and noting it leaves messages that its successor publishes once more, and one
that was paused may do so late. In one partition of a topic the messages of a home partition come in rising order of
(epoch, sequence); what is not above the highest one seen is a repeat.
"""

from collections.abc import Iterable
from typing import Final

PARTITION: Final = "partition"
EPOCH: Final = "epoch"
SEQUENCE: Final = "sequence"

_SEQUENCE_BITS: Final = 48


def mark_of(headers: Iterable[tuple[str, bytes]]) -> tuple[str, int] | None:
    """The sender, by the name under which its mark is kept, and the mark; None for a message of anybody else."""
    found = dict(headers)
    try:
        sender, epoch, sequence = (int(found[name]) for name in (PARTITION, EPOCH, SEQUENCE))
    except (KeyError, ValueError):
        return None
    return f"from {sender}", epoch << _SEQUENCE_BITS | sequence
