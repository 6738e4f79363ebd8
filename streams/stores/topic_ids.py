"""The topics of which the applied offsets are, compared with the topics that Kafka has now.

A topic that was created anew has another id. The partition's owner notes that when it notices it
(`streams/worker/renewal.py`); commands that run without workers compare for themselves.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from streams.stores.keys import PREFIX, keys
from streams.stores.store import BEFORE

Result = tuple[Literal["ok", "warning", "problem"], str, str]


def anew(client: Any, partitions: int, ids: Mapping[str, str], prefix: str = PREFIX) -> list[tuple[str, int]]:
    """Topics and partitions of which the offset belongs to a former topic; `ids` are Kafka's by topic."""
    return [
        (topic, partition)
        for partition in range(partitions)
        for topic, stored in sorted(_stored(client, partition, prefix).items())
        if ids.get(topic) and stored != ids[topic]
    ]


def findings(client: Any, partitions: int, ids: Mapping[str, str], prefix: str = PREFIX) -> Iterator[Result]:
    """For `tracker doctor`: topics that were created anew, before the workers have noticed it and after."""
    for topic in sorted({topic for topic, _ in anew(client, partitions, ids, prefix)}):
        message = f"{topic} was created anew: its workers read it from its beginning when they notice it."
        yield "warning", message, "Nothing to do while workers run. What the former topic had not applied is lost."
    for partition in range(partitions):
        for field, text in sorted(_stored(client, partition, prefix).items()):
            if field.startswith(BEFORE):
                topic, applied = field.removeprefix(BEFORE), text.rpartition(" ")[2]
                message = f"{topic}/{partition} was created anew; {applied} offsets of the former one stay counted."
                yield "warning", message, f"Seen? HDEL {keys(partition, prefix).topics} '{field}'"


def _stored(client: Any, partition: int, prefix: str) -> dict[str, str]:
    found = client.hgetall(keys(partition, prefix).topics)
    return {field.decode(): text.decode() for field, text in found.items()}
