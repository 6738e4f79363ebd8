"""The names of customers in the store: ids that look alike, and were probably meant as one."""

from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import Any, Final

from streams.clients.clients import redis_client
from streams.definitions.reader import served_prefix
from streams.doctor.finding import Inquiry, Result
from streams.stores.keys import keys
from tracker.identity.lookalikes import lookalikes

# A large store has more names than anybody waits for; a share of them shows what its senders do.
LOOK_S: Final = 2.0
AT_ONCE: Final = 1000
MOST_NAMES: Final = 500_000
EXAMPLES: Final = 3


def alike(inquiry: Inquiry) -> Iterator[Result]:
    """Ids that differ by blanks, by case or by `.0` alone."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        looked = list(_names(client, settings.partitions, served_prefix(client)))
    found = list(lookalikes(looked, settings.kinds))
    if found:
        shown = ", ".join(f"{one.other!r} beside {one.one!r} ({one.differ})" for one in found[:EXAMPLES])
        message = f"{len(found)} of {len(looked)} ids looked at differ from another by their spelling alone: {shown}."
        yield "warning", message, "They are two customers each. Let the senders agree on one spelling, or link them."
    elif inquiry.in_full:
        yield "ok", f"None of {len(looked)} ids looked at differs from another by its spelling alone.", ""


def _names(client: Any, partitions: int, prefix: str) -> Iterator[str]:
    """Stored names of all partitions, as many as a moment shows; a partition's share of the moment is its own."""
    for partition in range(partitions):
        until_s = monotonic() + LOOK_S / partitions
        cursor, count = None, 0
        while cursor != 0 and monotonic() < until_s and count < MOST_NAMES // partitions:
            cursor, page = client.hscan(keys(partition, prefix).states, cursor or 0, count=AT_ONCE)
            count += len(page)
            yield from (name.decode(errors="replace") for name in page)
