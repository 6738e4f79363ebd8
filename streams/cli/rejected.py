"""`tracker rejected`: list records that could not be read, and send them again.

`streams/events/rejected.py` reads and sends, `streams/cli/rejected_output.py` prints.
"""

import heapq
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from time import time
from typing import Annotated, Any, Final

import typer

from streams.cli import rejected_output as output
from streams.cli.options import AsJson
from streams.cli.progress import progress
from streams.clients.any_headers import allow_in_kafka_python
from streams.clients.clients import kafka_arguments, probe_kafka, redis_client
from streams.clients.failures import door
from streams.definitions.builds import routed_of
from streams.definitions.record import read_newest
from streams.errors import ExitCode, TrackerError, UsageError
from streams.events.rejected import (  # fmt: skip
    REASONS,
    Choice,
    Found,
    RedisMemory,
    parse_name,
    read,
    read_one,
    retry,
    size,
)
from streams.person.times import moment_ms
from streams.settings.settings import Settings
from streams.settings.settings import read as read_settings
from tracker.problem import choose

app = typer.Typer(help="List touchpoints that could not be read, and send them again.")

NEWEST: Final = 50
CONSUMER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "request_timeout_ms": 10_000,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
}
# Idempotence: a retry after a lost answer must not write a record twice. The size allows for the largest original.
PRODUCER: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "max_request_size": 4 * 1024 * 1024,
    "linger_ms": 20,
    "request_timeout_ms": 10_000,
    "delivery_timeout_ms": 30_000,
    "max_block_ms": 10_000,
    "allow_auto_create_topics": False,
}

Reasons = Annotated[
    list[str] | None, typer.Option("--reason", "-r", metavar="REASON", help=f"Only these: {', '.join(REASONS)}.")
]
Since = Annotated[str | None, typer.Option(help="Rejected at or after: 2h (ago), 2026-11-22, 2026-11-22T14:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Rejected until, in the same formats.")]


@app.command("list")
def list_rejected(
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest to show; 0 shows all.")] = NEWEST,
    as_json: AsJson = False,
) -> int:
    """List what was rejected, the newest last.

    Each has a name such as 3:17, which `show` and `retry` accept. A record that was rejected again while Redis was
    rebuilt is listed once.

    Examples:
      tracker rejected list
      tracker rejected list --reason unknown_schema --since 2h
      tracker rejected list --limit 0 --json
    """
    settings = read_settings(os.environ)
    choice = _choice(reason, since, until)
    counts: Counter[str] = Counter()
    with _consumer(settings) as consumer, progress("records", size(consumer)) as advance:
        newest = _newest(_counted(read(consumer, choice, advance), counts), limit)
    known = _known(settings, newest)
    print(output.list_data(newest, known, counts) if as_json else output.list_text(newest, known, counts))
    return ExitCode.OK


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `tracker rejected list`, such as 3:17.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Write only the original bytes, to save or pipe them.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show one rejection: the reason, the place, the original bytes.

    Examples:
      tracker rejected show 3:17
      tracker rejected show 3:17 --raw > original.json
    """
    parse_name(name)
    settings = read_settings(os.environ)
    with _consumer(settings) as consumer:
        found = read_one(consumer, name)
    if raw:
        value = found.rejection.value or b""
        if sys.stdout.isatty():
            print(value.decode(errors="replace"))
            return ExitCode.OK
        sys.stdout.buffer.write(value)
        sys.stdout.buffer.flush()
    elif as_json:
        print(
            json.dumps(
                output.data(found, _known(settings, [found])[0]) | output.bytes_of(found), indent=2, ensure_ascii=False
            )
        )
    else:
        print(output.text_of(found))
    return ExitCode.OK


@app.command("retry")
def retry_rejected(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names from `tracker rejected list`, such as 3:17.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Choose everything that was rejected.")] = False,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    unreadable_too: Annotated[
        bool, typer.Option("--unreadable-too", help="Also send records that this version still cannot read.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent; send nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Send rejected records again, to the topic they came from.

    They keep their original key, bytes and time. A touchpoint counts once by its event_id, however often it is sent.
    Records that were sent again before are left out, and so are those that this version still cannot read.

    Examples:
      tracker rejected retry --reason unknown_schema --dry-run
      tracker rejected retry --reason unknown_schema --since 2026-11-20
      tracker rejected retry 3:17 4:2
    """
    if not (names or everything or reason or since or until):
        raise UsageError("Nothing was chosen.", "Give names, a filter (--reason, --since, --until), or --all.")
    settings = read_settings(os.environ)
    choice = _choice(reason, since, until, names or [])
    with _consumer(settings) as consumer, _producer(settings) as producer, door(settings):
        client = redis_client(settings)
        client.ping()
        with progress("records", size(consumer)) as advance:
            done = retry(
                read(consumer, choice, advance), producer, RedisMemory(client), _now_ms,
                unreadable_too=unreadable_too, dry_run=dry_run, kinds=settings.kinds,
                routed=routed_of(read_newest(client).build),
            )  # fmt: skip
    print(output.retried_data(done, dry_run=dry_run) if as_json else output.retried_text(done, dry_run=dry_run))
    return ExitCode.OK


def _choice(reasons: list[str] | None, since: str | None, until: str | None, names: list[str] | None = None) -> Choice:
    for name in names or ():
        parse_name(name)
    for reason in reasons or ():
        if reason not in REASONS:
            raise UsageError(f"There is no reason {reason!r}.", choose(reason, REASONS).capitalize())
    now_ms = _now_ms()
    return Choice(
        reasons=frozenset(reasons or ()),
        since_ms=None if since is None else moment_ms(since, now_ms),
        until_ms=None if until is None else moment_ms(until, now_ms),
        names=frozenset(names or ()),
    )


def _now_ms() -> int:
    return int(time() * 1000)


@contextmanager
def _consumer(settings: Settings) -> Iterator[Any]:
    from kafka import KafkaConsumer

    allow_in_kafka_python()
    probe_kafka(settings)
    with door(settings), closing(KafkaConsumer(**kafka_arguments(settings), **CONSUMER)) as consumer:
        yield consumer


@contextmanager
def _producer(settings: Settings) -> Iterator[Any]:
    from kafka import KafkaProducer

    with door(settings), closing(KafkaProducer(**kafka_arguments(settings), **PRODUCER)) as producer:
        yield producer


def _counted(found: Iterator[Found], counts: Counter[str]) -> Iterator[Found]:
    for each in found:
        counts[each.rejection.reason] += 1
        yield each


def _age(found: Found) -> tuple[int, int, int]:
    return found.rejection.rejected_at_ms, found.partition, found.offset


def _newest(found: Iterator[Found], limit: int) -> list[Found]:
    """The newest, in the order of time."""
    return sorted(heapq.nlargest(limit, found, key=_age) if limit else found, key=_age)


def _known(settings: Settings, found: list[Found]) -> list[bool | None]:
    """Whether each was sent again; None where Redis does not answer, since `list` and `show` need only Kafka."""
    try:
        with door(settings):
            return list(RedisMemory(redis_client(settings, retries=0)).known([each.rejection for each in found]))
    except TrackerError:
        return [None] * len(found)
