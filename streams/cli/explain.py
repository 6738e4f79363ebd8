"""`tracker explain`: why a customer is in their current stage, from what the workers have stored.

`tracker/replay/explain.py` makes the explanation.
"""

import json
import os
from time import time

from streams.cli.options import AsJson, Customer
from streams.definitions.reader import customer_fold, served_prefix
from streams.errors import ExitCode
from streams.events.gathering import show_time
from streams.person.opened import opened_store
from streams.person.show import follow
from streams.process.terminal import printable
from streams.settings.settings import read
from tracker.replay.explain import explain_record


def explain(
    customer: Customer,
    *,
    as_json: AsJson = False,
) -> int:
    """Explain why a customer is in their current stage.

    For each journey: every touchpoint that is still stored, the rule it matched, what it changed, and what would move
    the customer on. Touchpoints older than the lateness horizon are folded together; `tracker replay ... --explain`
    explains the whole journey from files.

    Exit codes: 10 when the customer is not stored.

    Examples:
      tracker explain c-1042
      tracker explain anonymous_id:a-17 --json
    """
    settings = read(os.environ)
    with opened_store(settings) as client:
        journeys = customer_fold(client, settings)
        stored, alias = follow(
            client, customer, settings.partitions, settings.kinds, served_prefix(client), hash_key=settings.hash_key
        )
    explanations = explain_record(journeys, stored.customer, stored.record, int(time() * 1000))
    if as_json:
        journeys_data = [each.as_json(show_time) for each in explanations]
        whose = ({"alias": alias} if alias else {}) | {"customer": stored.customer, "partition": stored.partition}
        print(json.dumps({**whose, "journeys": journeys_data}, indent=2))
    else:
        if alias:
            print(f"{printable(alias)} belongs to {printable(stored.customer)}\n")
        print("\n\n".join(each.as_text(show_time) for each in explanations))
    return ExitCode.OK
