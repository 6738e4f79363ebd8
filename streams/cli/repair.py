"""`tracker repair`: have one partition built again from Kafka."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from streams.clients.clients import kafka_admin
from streams.definitions.reader import served_prefix
from streams.errors import ExitCode, UsageError
from streams.person.opened import opened_store
from streams.settings.settings import Settings, read
from streams.stores.keys import keys
from streams.stores.rebuild import rebuild


def repair(
    partition: Annotated[int, typer.Option("--partition", min=0, help="The number of the partition.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Have one partition built again from Kafka, without touching the others.

    States, figures, timers and offsets of the partition are removed. The worker that holds it notices within a second
    and reads its topics from the beginning; without workers, the next one does. Until then its figures are too low.
    Erased customers stay out. What Kafka no longer holds does not come back: the command says so before it asks.
    Workers repair a partition by themselves where keys of it are missing; use this where `tracker audit` differs.

    Examples:
      tracker repair --partition 3
      tracker repair --partition 3 --yes
    """
    settings = read(os.environ)
    if partition >= settings.partitions:
        raise UsageError(
            f"There is no partition {partition}: TRACKER_PARTITIONS is {settings.partitions}.",
            f"Name one from 0 to {settings.partitions - 1}.",
        )
    with opened_store(settings) as client, kafka_admin(settings) as admin:
        prefix = served_prefix(client)
        names = keys(partition, prefix)
        print(f"partition {partition}: {client.hlen(names.states)} customers", file=sys.stderr)
        for line in _beginnings(admin, settings, partition):
            print(line, file=sys.stderr)
        if not yes:
            _ask(partition)
        rebuild(client, partition, prefix)
    print(
        f"Partition {partition} is being built again. It is done when tracker_lag_records is 0; then `tracker audit`."
    )
    return ExitCode.OK


def _beginnings(admin: Any, settings: Settings, partition: int) -> Sequence[str]:
    """A line for each input topic of which Kafka no longer holds the beginning."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    places = [TopicPartition(topic.name, partition) for topic in settings.topics() if topic.direction == "input"]
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    return [
        f"  {place.topic}: Kafka has deleted the first {first[place].offset} records; they will not count any more"
        for place in places
        if first[place].offset
    ]


def _ask(partition: int) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to be asked.", "Say --yes.")
    typer.confirm(f"Build partition {partition} again?", abort=True, err=True)
