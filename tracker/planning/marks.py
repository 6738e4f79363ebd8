"""Marks: how a repeated message of `journey.routed` is recognised, by the headers that it has.

A worker that dies after publishing and before trimming its outbox leaves messages that its successor publishes again; a
worker that was paused may publish them late. Every message has four headers: `partition` is the sender, `generation`
the random name that the sender got when it took its partition, `epoch` and `sequence` are numbers that rise within a
generation. A message whose number is not above the highest one seen of this sender and generation is a repeat. One
number for each is enough; remembering single messages would grow without end.

Numbers of different generations are not compared. After the store was emptied or restored they start again at low
values, and comparing them would drop everything that the sender sends (docs/decisions/0007-generations.md).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

PARTITION: Final = "partition"
GENERATION: Final = "generation"
EPOCH: Final = "epoch"
SEQUENCE: Final = "sequence"
AGAIN: Final = "again"
"""A header of transitions that follow from input of which the same was published before."""

FROM: Final = "from "
"""Before a source: the number of the newest message applied, which is `epoch << 48 | sequence`."""
SINCE: Final = "since "
"""Before a source: the offset in `journey.routed` at which it was first seen; the oldest generations go first."""
REPEATS: Final = "repeats "
"""Before a source: how many of its messages were dropped as repeats."""
MOST_GENERATIONS: Final = 4
"""Of a sender. Repeats are of its last one or two; older ones are not sent again, and further names are forged."""

# The epoch in the high bits orders owners before messages. 48 bits last 8,900 years at a thousand messages a second.
SEQUENCE_BITS: Final = 48
_DIGITS: Final = 18
"""The most digits of a number. Epochs of versions before 0.2.0, the largest, are moments in milliseconds."""
_NAME: Final = re.compile(rb"[0-9a-z]{1,32}")


def mark_of(headers: Iterable[tuple[str, bytes | None]], partitions: int) -> tuple[str, int] | None:
    """The source, `3 5f0c…` for partition 3 in a generation, and the number; None for a message of anybody else.

    A message of a version without generations has the source `3`. Anybody may write to the topic, with any headers or
    with headers without values: those make no mark.
    """
    found = dict(headers)
    numbers = [_number(found.get(name)) for name in (PARTITION, EPOCH, SEQUENCE)]
    sender, epoch, sequence = numbers
    if sender is None or epoch is None or sequence is None or sequence >> SEQUENCE_BITS:
        return None
    if sender >= partitions:
        return None
    number = epoch << SEQUENCE_BITS | sequence
    generation = found.get(GENERATION)
    if generation is None:
        return str(sender), number
    if not _NAME.fullmatch(generation):
        return None
    return f"{sender} {generation.decode()}", number


def is_repeat(source: str, number: int, offset: int, kept: Mapping[str, int], new: dict[str, int]) -> bool:
    """Whether a message came before; what is to be remembered of it goes into `new`.

    `kept`: the fields remembered before this batch; `new`: those of this batch. `offset`: in `journey.routed`.
    """
    mark = FROM + source
    highest = new.get(mark) or kept.get(mark)
    has_generation = " " in source
    if highest is None:
        new[mark] = number
        if has_generation:
            new[SINCE + source] = offset
        return False
    if has_generation and number >> SEQUENCE_BITS != highest >> SEQUENCE_BITS:
        # A generation has one epoch, so one of the two is forged. The message is taken in, as anybody's is, and moves
        # no mark: with a huge epoch it would silence the sender.
        return False
    if number > highest:
        new[mark] = number
        return False
    repeats = REPEATS + source
    new[repeats] = (new.get(repeats) or kept.get(repeats, 0)) + 1
    return True


def forgotten(kept: Mapping[str, int], new: dict[str, int]) -> list[str]:
    """Fields to remove: of each sender that appears in `new`, those of all but its newest generations.

    Fields of such generations leave `new` too.
    """
    begun = [field for field in new if field.startswith(SINCE)]
    gone: list[str] = []
    for sender in {field.split(" ")[1] for field in begun}:
        start = f"{SINCE}{sender} "
        since = {field: at for fields in (kept, new) for field, at in fields.items() if field.startswith(start)}
        for field in sorted(since, key=lambda name: (since[name], name))[:-MOST_GENERATIONS]:
            source = field.removeprefix(SINCE)
            gone += (FROM + source, SINCE + source, REPEATS + source)
    for field in gone:
        new.pop(field, None)
    return [field for field in gone if field in kept]


def _number(digits: bytes | None) -> int | None:
    """The number in a header; None for no number, or one that no worker reaches."""
    return int(digits) if digits and digits.isdigit() and len(digits) <= _DIGITS else None
