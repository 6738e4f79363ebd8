"""`tracker export`: everything stored about a person.

It prints JSON; `streams/person/redis_data.py` and `streams/person/kafka_data.py` read.
"""

import json
import os
from time import time
from typing import Annotated, Any

import typer

from streams.cli.options import Person
from streams.cli.progress import progress
from streams.definitions.reader import customer_fold, served_prefix
from streams.errors import ExitCode
from streams.events.from_kafka import opened
from streams.person.identity import Identity, whole
from streams.person.kafka_data import traces
from streams.person.opened import opened_store
from streams.person.redis_data import export as describe
from streams.person.redis_data import places
from streams.person.times import shown
from streams.settings.settings import Settings, read


def export(
    alias: Person,
    *,
    with_kafka: Annotated[
        bool, typer.Option("--with-kafka", help="Include all their records in Kafka; this reads all topics.")
    ] = False,
) -> int:
    """Print everything stored about a person, as JSON.

    The records of all their names: journeys, touchpoints, links, timers. `elsewhere` lists where else their data may
    be, and how long Kafka keeps them.

    Exit codes: 10 when the person is not stored.

    Examples:
      tracker export c-1042 > c-1042.json
      tracker export anonymous_id:a-17 --with-kafka > a-17.json
      tracker export +46701234567 > person.json
    """
    settings = read(os.environ)
    now_ms = int(time() * 1000)
    with opened_store(settings) as client:
        journeys = customer_fold(client, settings)
        prefix = served_prefix(client)
        identity = whole(client, alias, settings.partitions, settings.kinds, prefix, hash_key=settings.hash_key)
        data: dict[str, Any] = {"exported_at": shown(now_ms), **describe(client, identity, journeys, prefix)}
    data["elsewhere"] = [place.as_data() for place in places(settings, now_ms)]
    if with_kafka:
        data["kafka"] = _in_kafka(settings, identity)
    print(json.dumps(data, indent=2))
    return ExitCode.OK


def _in_kafka(settings: Settings, identity: Identity) -> list[dict[str, Any]]:
    topics = [topic.name for topic in settings.topics()]
    with opened(settings) as consumer, progress("records", None) as advance:
        return list(traces(consumer, topics, identity.names, settings.kinds, advance))
