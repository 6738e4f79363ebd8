"""`tracker explain`: why a customer is where they are, from what the workers have stored.

The account is tracker/replay/explain.py's.
"""

import json
import os
from time import time

from streams.cli.options import AsJson, Customer
from streams.errors import ExitCode
from streams.events.gathering import show_time
from streams.person.opened import opened_store
from streams.person.show import follow, printable
from streams.settings.definitions import load_journeys
from streams.settings.settings import read
from tracker.engine.customer import CustomerFold
from tracker.replay.explain import explain_record


def explain(
    customer: Customer,
    *,
    as_json: AsJson = False,
) -> int:
    """Tell why a customer is where they are.

    For each journey: every touchpoint that is still kept, the rule it met, what it changed, and what would move the
    customer on. Touchpoints older than the lateness horizon are folded together; `tracker replay ... --explain` has
    the whole story from files.

    Examples:
      tracker explain c-1042
      tracker explain anonymous_id:a-17 --json
    """
    settings = read(os.environ)
    journeys = CustomerFold(load_journeys(settings), settings.lateness_horizon_ms)
    with opened_store(settings) as client:
        stored, alias = follow(client, customer, settings.partitions, settings.kinds)
    told = explain_record(journeys, stored.customer, stored.record, int(time() * 1000))
    if as_json:
        accounts = [account.as_json(show_time) for account in told]
        whose = ({"alias": alias} if alias else {}) | {"customer": stored.customer, "partition": stored.partition}
        print(json.dumps({**whose, "journeys": accounts}, indent=2))
    else:
        if alias:
            print(f"{printable(alias)} belongs to {printable(stored.customer)}\n")
        print("\n\n".join(account.as_text(show_time) for account in told))
    return ExitCode.OK
