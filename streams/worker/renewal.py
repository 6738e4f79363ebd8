"""Renewal: what changes in the store where a topic was deleted and created again under its name.

The touchpoints of the former topic stay counted, since Kafka no longer has them. Those of the new one are all applied;
whichever were counted already are dropped by their event ids.
"""

from collections.abc import Collection, Mapping

from schemas.topics import ROUTED
from streams.stores.store import BEFORE, Lease
from tracker.planning.marks import SINCE


def renewal(lease: Lease, ids: Mapping[str, str], anew: Collection[str]) -> tuple[dict[str, str], dict[str, int]]:
    """The fields of `Keys.topics` and of the offsets to write: present ids, and new beginnings of the topics in `anew`.

    A topic without a stored id, as an earlier version leaves it, is taken for the one of which the offset is.
    """
    fields = {topic: now for topic, now in ids.items() if now and (topic in anew or topic not in lease.topics)}
    fields |= {BEFORE + topic: f"{lease.topics[topic]} {lease.offsets.get(topic, 0)}" for topic in anew}
    # 0 and not none: the owner counts the fields, and one less would be a lost key.
    offsets = {topic: 0 for topic in anew if topic in lease.offsets}
    if ROUTED in anew:
        # Generations are forgotten in the order in which they came: those of the former topic came first.
        offsets |= {field: -1 for field in lease.offsets if field.startswith(SINCE)}
    return fields, offsets
