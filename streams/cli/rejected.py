"""`tracker rejected`: look at records that could not be read, and send them again.

It shows and asks; `streams/rejected.py` reads and sends.
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

from streams.cli.progress import progress
from streams.clients import kafka_arguments, probe_kafka, redis_client
from streams.errors import ExitCode, TrackerError, UsageError
from streams.failures import door
from streams.moments import moment_ms, shown
from streams.rejected import (
    REASONS,
    Choice,
    Found,
    RedisMemory,
    Retried,
    parse_name,
    read,
    read_one,
    received_at_ms,
    retry,
    size,
    still_wrong,
)  # fmt: skip
from streams.settings import Settings
from streams.settings import read as read_settings
from tracker.problem import choose

app = typer.Typer(help="Look at touchpoints that could not be read, and send them again.")

NEWEST: Final = 50
DETAIL_LENGTH: Final = 60
CONSUMER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "request_timeout_ms": 10_000,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
}
# A second attempt after a lost answer must not send a record twice, and the largest original is allowed for.
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
Since = Annotated[str | None, typer.Option(help="Rejected since: 2h (ago), 2026-11-22, 2026-11-22T14:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Rejected until, written likewise.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")]


@app.command("list")
def list_rejected(
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=0, help="Show the newest so many; 0 shows all.")] = NEWEST,
    as_json: AsJson = False,
) -> int:
    """List what was rejected, the newest last.

    Each has a name such as 3:17 for `show` and `retry`. Something that was rejected again while Redis was built anew
    is listed once.

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
    print(_list_data(newest, known, counts) if as_json else _list_text(newest, known, counts))
    return ExitCode.OK


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `tracker rejected list` shows it, such as 3:17.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, to be saved or piped.")] = False,
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
        sys.stdout.buffer.write(found.rejection.value or b"")
        sys.stdout.buffer.flush()
    elif as_json:
        print(json.dumps(_data(found, _known(settings, [found])[0]) | _bytes_of(found), indent=2, ensure_ascii=False))
    else:
        print(_text_of(found))
    return ExitCode.OK


@app.command("retry")
def retry_rejected(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Such as 3:17.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that were rejected.")] = False,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    unreadable_too: Annotated[
        bool, typer.Option("--unreadable-too", help="Send also what this version cannot read either.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, send nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Send rejected records again, to the topic they came from.

    They go with their original key, bytes and time, and a touchpoint counts once by its event_id, however often it is
    sent. What was sent before is left out, and so is what this version cannot read either.

    Examples:
      tracker rejected retry --reason unknown_schema --dry-run
      tracker rejected retry --reason unknown_schema --since 2026-11-20
      tracker rejected retry 3:17 4:2
    """
    if not (names or everything or reason or since or until):
        raise UsageError("Nothing was chosen.", "Name some, filter by --reason, --since or --until, or say --all.")
    settings = read_settings(os.environ)
    choice = _choice(reason, since, until, names or [])
    with _consumer(settings) as consumer, _producer(settings) as producer, door(settings):
        client = redis_client(settings)
        client.ping()
        with progress("records", size(consumer)) as advance:
            done = retry(
                read(consumer, choice, advance), producer, RedisMemory(client), _now_ms,
                unreadable_too=unreadable_too, dry_run=dry_run,
            )  # fmt: skip
    print(_retried_data(done, dry_run=dry_run) if as_json else _retried_text(done, dry_run=dry_run))
    return ExitCode.OK


def _choice(reasons: list[str] | None, since: str | None, until: str | None, names: list[str] | None = None) -> Choice:
    for name in names or ():
        parse_name(name)
    for reason in reasons or ():
        if reason not in REASONS:
            raise UsageError(f"{reason!r} is no reason.", choose(reason, REASONS).capitalize())
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
    """Whether each was sent again; None where Redis cannot be asked: looking needs Kafka alone."""
    try:
        with door(settings):
            return list(RedisMemory(redis_client(settings, retries=0)).known([each.rejection for each in found]))
    except TrackerError:
        return [None] * len(found)


def _data(found: Found, known: bool | None) -> dict[str, Any]:
    rejection = found.rejection
    flaw = still_wrong(rejection)
    return {
        "name": found.name,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "topic": rejection.place.topic,
        "partition": rejection.place.partition,
        "offset": rejection.place.offset,
        "rejected_at": shown(rejection.rejected_at_ms),
        "received_at": shown(received_at_ms(rejection)),
        "bytes": len(rejection.value or b""),
        "retried": known,
        "readable_now": flaw is None,
    }


def _bytes_of(found: Found) -> dict[str, str | None]:
    """Key and value, as text where they are text, else in base64."""
    from base64 import b64encode

    told: dict[str, str | None] = {}
    for name, content in (("key", found.rejection.key), ("value", found.rejection.value)):
        try:
            told[name] = None if content is None else content.decode()
        except UnicodeDecodeError:
            told[f"{name}_base64"] = b64encode(content or b"").decode()
    return told


def _text_of(found: Found) -> str:
    rejection = found.rejection
    place = rejection.place
    flaw = still_wrong(rejection)
    value = rejection.value or b""
    lines = [
        f"reason     {rejection.reason}: {_printable(rejection.detail)}",
        f"from       {place.topic}, partition {place.partition}, offset {place.offset}",
        f"received   {shown(received_at_ms(rejection))}",
        f"rejected   {shown(rejection.rejected_at_ms)}",
        f"now        {'would be read: `tracker rejected retry ' + found.name + '`' if flaw is None else flaw.reason}",
        f"key        {_told(rejection.key)}",
        f"value      {len(value)} bytes{'' if rejection.value is not None else ' (none)'}",
    ]
    return "\n".join(lines) + (f"\n\n{_told(value)}" if value else "")


def _told(content: bytes | None) -> str:
    """Bytes for a person: text without control characters, else a few of them in hexadecimal."""
    if content is None:
        return "none"
    try:
        return _printable(content.decode())
    except UnicodeDecodeError:
        return f"{content[:256].hex(' ')}{' ...' if len(content) > 256 else ''}"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _list_text(found: list[Found], known: list[bool | None], counts: Counter[str]) -> str:
    if not counts:
        return "Nothing was rejected."
    rows = [("name", "rejected", "reason", "from", "bytes", "sent again", "detail")]
    for each, again in zip(found, known, strict=True):
        rejection, place = each.rejection, each.rejection.place
        detail = _printable(rejection.detail).replace("\n", " ")
        short = detail if len(detail) <= DETAIL_LENGTH else detail[: DETAIL_LENGTH - 1] + "…"
        sent = {True: "yes", False: "-", None: "?"}[again]
        origin = f"{place.topic}/{place.partition}/{place.offset}"
        size_ = str(len(rejection.value or b""))
        rows.append((each.name, shown(rejection.rejected_at_ms)[:19], rejection.reason, origin, size_, sent, short))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = sum(counts.values())
    left = f" (the newest {len(found)} are shown)" if len(found) < total else ""
    by_reason = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return "\n".join([*lines, "", f"{total} rejected{left}: {by_reason}"])


def _list_data(found: list[Found], known: list[bool | None], counts: Counter[str]) -> str:
    rows = [_data(each, again) for each, again in zip(found, known, strict=True)]
    data = {"total": sum(counts.values()), "by_reason": dict(counts.most_common()), "rejected": rows}
    return json.dumps(data, indent=2, ensure_ascii=False)


def _retried_text(done: Retried, *, dry_run: bool) -> str:
    verb = "would be sent" if dry_run else "sent and confirmed"
    lines = [f"{done.sent} {verb}" + "".join(f", {count} to {topic}" for topic, count in done.by_topic.items())]
    if done.before:
        lines.append(f"{done.before} left out: sent again before")
    if done.still_wrong:
        reasons = ", ".join(f"{count} {reason}" for reason, count in done.still_wrong.most_common())
        lines.append(f"{sum(done.still_wrong.values())} left out: still cannot be read ({reasons}); --unreadable-too")
    return "\n".join(lines)


def _retried_data(done: Retried, *, dry_run: bool) -> str:
    data = {
        "dry_run": dry_run,
        "sent": done.sent,
        "by_topic": dict(done.by_topic),
        "sent_before": done.before,
        "still_unreadable": dict(done.still_wrong),
    }
    return json.dumps(data, indent=2)
