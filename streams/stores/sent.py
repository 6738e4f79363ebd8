"""Messages between partitions: what each received, compared with what each has sent.

Receivers keep by sender and generation the number of the newest message and how many they dropped as repeats
(`tracker/planning/marks.py`). The sender's own keys say which generation it is in and how many messages it ever had.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from streams.stores.keys import PREFIX, keys
from tracker.planning.marks import FROM, REPEATS, SEQUENCE_BITS

Result = tuple[Literal["ok", "warning", "problem"], str, str]


class SentMessages(NamedTuple):
    """What a partition's own keys say of it."""

    generation: str
    epoch: int
    sequence: int


def findings(client: Any, partitions: int, prefix: str = PREFIX) -> Iterator[Result]:
    """For `tracker doctor`: marks above all that was sent, repeats that nobody sent again, and how many repeats."""
    # Receivers first: a message that is sent meanwhile is above no mark that was read before.
    received = [_offsets(client, keys(partition, prefix).offsets) for partition in range(partitions)]
    senders = [_sender(client, partition, prefix) for partition in range(partitions)]
    repeats = sum(count for fields in received for field, count in fields.items() if field.startswith(REPEATS))
    wrong = [
        result
        for partition, fields in enumerate(received)
        for number, sender in enumerate(senders)
        for result in _compared(partition, fields, number, sender)
    ]
    yield from wrong
    if not wrong and any(sender.generation for sender in senders):
        yield "ok", f"{repeats} messages between partitions came again and were dropped", ""


def _compared(partition: int, fields: dict[str, int], number: int, sender: SentMessages) -> Iterator[Result]:
    source = f"{number} {sender.generation}"
    mark, repeats = fields.get(FROM + source), fields.get(REPEATS + source, 0)
    if mark is not None and mark > sender.epoch << SEQUENCE_BITS | sender.sequence:
        message = f"Partition {partition} drops what partition {number} sends: a mark is above all that was sent."
        remedy = f"Who else may write to journey.routed? Restarting the worker of partition {number} ends it."
        yield "problem", message, remedy
    elif repeats:
        message = f"Partition {partition} dropped {repeats} messages of partition {number} that nobody sent again."
        remedy = "An outage of Kafka may explain it. Where the number grows without one, restart the sender's worker."
        yield "warning", message, remedy


def _offsets(client: Any, name: str) -> dict[str, int]:
    return {field.decode(): int(value) for field, value in client.hgetall(name).items()}


def _sender(client: Any, partition: int, prefix: str) -> SentMessages:
    names = keys(partition, prefix)
    generation, epoch, sequence = client.mget(names.generation, names.epoch, names.sequence)
    return SentMessages((generation or b"").decode().partition(" ")[0], int(epoch or 0), int(sequence or 0))
