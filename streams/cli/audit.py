"""`tracker audit`: whether the figures are the sum of the customers.

It prints what `streams/stores/audit.py` finds.
"""

import json
import os
from dataclasses import replace

from streams.cli.options import AsJson
from streams.cli.progress import progress
from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.reader import customer_fold, served_prefix
from streams.errors import ExitCode, Mismatch
from streams.settings.settings import read
from streams.stores.audit import READ_TIMEOUT_S, Audited, audit_store, customers
from streams.stores.layout import require

# Enough to see what is wrong; --json prints all.
MOST_SHOWN = 20


def audit(as_json: AsJson = False) -> int:
    """Recompute the funnel from all customers and compare.

    Each figure must equal the sum of what the stored customers contribute to it. They are added up again, one partition
    at a time, each from one snapshot. Workers may keep running. Figures that differ are printed with both values.

    Exit codes: 0 when every figure is right, 8 when one differs.

    Examples:
      tracker audit
      tracker audit --json
    """
    settings = read(os.environ)
    patient = replace(settings, redis_timeout_s=max(settings.redis_timeout_s, READ_TIMEOUT_S))
    with door(settings):
        redis_client(settings).ping()
        client = redis_client(patient)
        require(client, settings.partitions, served_prefix(client))
        journeys, prefix = customer_fold(client, settings), served_prefix(client)
        with progress("customers added up", customers(client, settings.partitions, prefix)) as advance:
            found = list(audit_store(client, journeys, settings.partitions, advance=advance, prefix=prefix))
    print(as_data(found) if as_json else as_text(found))
    if all(each.sound for each in found):
        return ExitCode.OK
    if as_json:
        return ExitCode.MISMATCH
    raise _mismatch(found)


def as_text(found: list[Audited]) -> str:
    """What was found, the figures that differ first."""
    lines = [
        f"partition {each.partition}: {one.field} is {one.stored}, the customers add up to {one.summed}"
        for each in found
        for one in each.differences
    ]
    if len(lines) > MOST_SHOWN:
        lines = [*lines[:MOST_SHOWN], f"and {len(lines) - MOST_SHOWN} more (--json prints all)"]
    away = [each for each in found if each.strays]
    lines += [f"partition {each.partition}: {each.strays} customers belong to another partition" for each in away]
    total = sum(each.customers for each in found)
    held = "every figure is their sum" if not lines else "not every figure is their sum"
    return "\n".join([*lines, f"{total} customers in {len(found)} partitions: {held}"])


def as_data(found: list[Audited]) -> str:
    """The same as one JSON object."""
    partitions = [
        {
            "partition": each.partition,
            "customers": each.customers,
            "strays": each.strays,
            "differences": [one._asdict() for one in each.differences],
        }
        for each in found
    ]
    total = sum(each.customers for each in found)
    return json.dumps({"ok": all(each.sound for each in found), "customers": total, "partitions": partitions}, indent=2)


def _mismatch(found: list[Audited]) -> Mismatch:
    if any(each.strays for each in found):
        return Mismatch(
            "Customers are stored in partitions that are not their home.",
            "Set TRACKER_PARTITIONS to the number of the workers. If it is that, they ran with different ones.",
        )
    wrong = [each.partition for each in found if each.differences]
    return Mismatch(
        "The figures are not the sum of the customers.",
        "Where the store has no definitions yet (`tracker journeys list`), check that TRACKER_JOURNEYS names the files "
        "that the workers run. Else rebuild each partition that "
        f"differs: `tracker repair --partition {wrong[0]}`.",
    )
