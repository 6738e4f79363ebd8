"""Replies of Redis, read as what they must be.

What is something else was written by nobody who knows the keys. It is damage, like a key that is gone: the partition is
built again from Kafka, and no worker ends.
"""

from collections.abc import Sequence
from typing import Final

from streams.stores.store import Damaged

OF_DAMAGE: Final = ("WRONGTYPE", "not an integer")
"""In a ResponseError: a key of another type, or a number that is none."""


def number(held: bytes | None) -> int:
    """An integer; 0 where there is none. Raises Damaged."""
    if held is None:
        return 0
    try:
        return int(held)
    except ValueError:
        raise Damaged(f"{held[:40]!r} is stored in the place of a number") from None


def marker_number(held: bytes | None) -> int:
    """A number of a partition's marker; 0, as where nobody has followed the record, for what is no number.

    That is no damage: the owner looks at all states and writes the marker anew.
    """
    try:
        return max(0, number(held))
    except Damaged:
        return 0


def text(held: bytes) -> str:
    """A name. Raises Damaged."""
    try:
        return held.decode()
    except UnicodeDecodeError:
        raise Damaged(f"{held[:40]!r} is stored in the place of a name") from None


def names(held: bytes | None) -> tuple[str, ...]:
    """Generations, newest first; none where there is nothing, or what a version without generations left."""
    return tuple(text(held).split()) if held is not None else ()


def integers(pairs: Sequence[bytes]) -> dict[str, int]:
    """A hash of integers, as a script gives it. Raises Damaged."""
    return {text(name): number(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


def texts(pairs: Sequence[bytes]) -> dict[str, str]:
    """A hash of texts, as a script gives it. Raises Damaged."""
    return {text(name): text(value) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
