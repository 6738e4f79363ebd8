"""`tracker repartition`: move the stored customers to another number of partitions.

It prints what `streams/repartition/repartition.py` foresees and does.
"""

import json
import os
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from streams.cli.options import AsJson
from streams.cli.progress import progress
from streams.clients.clients import kafka_admin, redis_client
from streams.clients.failures import door
from streams.definitions.builds import group_of, prefix_of, topic_of
from streams.definitions.reader import customer_fold
from streams.definitions.record import Revision, read_newest
from streams.errors import ExitCode, Mismatch
from streams.events.from_kafka import opened
from streams.repartition.repartition import MoveOutcome, MovePreview, Order, Repartition
from streams.settings.settings import Settings, read
from streams.stores.keys import keys

# Each call is quick by itself; a Redis that is busy rewriting its log needs more than the usual time-out.
PATIENCE_S = 30.0


def repartition(
    to: Annotated[int, typer.Option("--to", min=1, max=4096, help="The new number of partitions.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and print what would be done; change nothing.")
    ] = False,
    allow_lag: Annotated[
        bool, typer.Option("--allow-lag", help="Go ahead while touchpoints wait in Kafka; workers route them later.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Change the number of partitions.

    The number of partitions is the largest number of workers that can share the load. Kafka can add partitions but not
    remove them. Stop all workers first, and leave TRACKER_PARTITIONS at the old number; afterwards set it to the new
    one and start them. Redis needs room for every customer twice while this runs. If it is interrupted, run it again:
    it continues where it stopped, and no worker starts before it is done.

    Examples:
      tracker repartition --to 16 --dry-run
      tracker repartition --to 16
    """
    settings = read(os.environ)
    patient = replace(settings, redis_timeout_s=max(settings.redis_timeout_s, PATIENCE_S))
    with door(settings), kafka_admin(settings) as admin, opened(settings) as consumer:
        redis_client(settings).ping()
        client = redis_client(patient)
        journeys = customer_fold(client, settings)
        order = _order(settings, to, read_newest(client), allow_lag=allow_lag)
        with progress("customers", _steps(client, to, order.prefix, dry_run=dry_run)) as advance:
            work = Repartition(order, client, admin, consumer, journeys, advance=advance)
            done: MovePreview | MoveOutcome = work.foresee() if dry_run else work.run()
    if as_json:
        print(json.dumps({"from": order.origin, "to": to, "dry_run": dry_run, **asdict(done)}, indent=2))
    else:
        print(_foreseen(done, order) if isinstance(done, MovePreview) else _done(done, to))
    return ExitCode.OK


def _order(settings: Settings, to: int, newest: Revision, *, allow_lag: bool) -> Order:
    if newest.shadow is not None:
        raise Mismatch(
            "There is a shadow, which would keep the old number of partitions.",
            "`tracker shadow --drop` removes it; make it anew afterwards.",
        )
    topics, build = settings.topics(), newest.build
    names = [topic.name for topic in topics]
    return Order(
        origin=settings.partitions,
        to=to,
        group=group_of(settings.group, build),
        inputs=[topic_of(topic.name, build) for topic in topics if topic.direction == "input"],
        # The plain topic of routed messages too, though another build may be served: checks ask for it.
        topics=[*names, *({topic_of(name, build) for name in names} - set(names))],
        allow_lag=allow_lag,
        prefix=prefix_of(build),
        build=build,
    )


def _steps(client: Any, to: int, prefix: str, *, dry_run: bool) -> int:
    customers = sum(int(client.hlen(keys(partition, prefix).states)) for partition in range(to))
    return customers if dry_run else customers * 2


def _foreseen(found: MovePreview, order: Order) -> str:
    share = f" ({found.moving / found.customers:.0%})" if found.customers else ""
    lines = [f"{found.customers} customers, of whom {found.moving}{share} would move to another partition"]
    lines += [f"{topic}: {count} partitions would become {order.to}" for topic, count in found.grows.items()]
    if found.customers:
        lines.append(f"each partition would have {min(found.by_partition)} to {max(found.by_partition)} customers")
    return "\n".join([*lines, "Nothing was changed."])


def _done(done: MoveOutcome, to: int) -> str:
    again = "; the run continued where it had stopped" if done.resumed else ""
    grown = f"Partitions were added to {', '.join(done.grown)}.\n" if done.grown else ""
    return (
        f"{done.customers} customers are in {to} partitions, every figure is their sum{again}.\n{grown}"
        f"Set TRACKER_PARTITIONS={to} everywhere, then start the workers."
    )
