"""What `tracker doctor` reports about the collector: its files, its key, and whether one runs on this machine."""

import http.client
import json
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from prometheus_client.parser import text_string_to_metric_families

from schemas import vocabulary
from schemas.webhooks.form import WebhookSender
from streams.collector import plans, sources, tables
from streams.collector.metrics import PASSED_OVER
from streams.settings.settings import Settings

Result = tuple[Literal["ok", "unknown", "remark", "warning", "problem"], str, str]
ANSWER_WITHIN_S: Final = 2.0
MOST_PROCESSES: Final = 64
MOST_NAMED: Final = 5
MOST_BYTES: Final = 4_000_000
ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not listened on


def findings(settings: Settings) -> Iterator[Result]:
    """The findings: state, message, remedy. Raises ConfigurationError for a file that cannot be used."""
    book = sources.load(settings.collector_keys)
    if not book.sources:
        yield "ok", f"{settings.collector_keys} names no sources: no collector is set up here.", ""
        return
    yield from _key(settings)
    senders = tables.load(settings.collector_tables, settings.channels).senders
    for name, source in book.sources.items():
        yield from _source(name, source, settings, senders)
        yield from _pages(name, book, settings)
    yield from _keys(book)
    planned = plans.load(settings.collector_plans) if settings.collector_plans else {}
    for name in planned.keys() - book.sources.keys():
        yield (
            "warning",
            f"COLLECTOR_PLANS has a plan of {name!r}, which is not a source.",
            "`tracker keys list` shows them.",
        )
    if planned:
        yield "ok", f"tracking plans of {', '.join(sorted(planned))}", ""
    yield _answer(settings)
    if any(source.sender for source in book.sources.values()):
        yield from _passed_over(settings)


def _key(settings: Settings) -> Iterator[Result]:
    if settings.hash_key is None:
        message = "TRACKER_HASH_KEY is missing, so no collector can start."
        yield "problem", message, "Set it to the output of `openssl rand -hex 32`, the same everywhere, and keep it."


def _source(
    name: str, source: sources.Source, settings: Settings, senders: Mapping[str, WebhookSender]
) -> Iterator[Result]:
    if source.channel not in {None, *settings.channels}:
        message = f"The source {name} sends to {source.channel}, which is not a channel."
        yield "problem", message, f"Name one of {', '.join(settings.channels)}, or add it to TRACKER_CHANNELS."
    if source.sender is not None and source.sender not in senders:
        yield (
            "problem",
            f"The source {name} has an unknown sender, {source.sender}.",
            "Add the sender to COLLECTOR_TABLES.",
        )
    rule = senders[source.sender].signature if source.sender and source.sender in senders else None
    if rule is not None and source.secret_file is None:
        message = f"The source {name} has no secret, and {source.sender} signs; its webhooks are refused."
        yield "problem", message, f"`tracker keys new {name} --secret-file FILE` names it."
    if rule is not None and {"url", "decoded_url"} & set(rule.signed) and source.public_url is None:
        message = f"{source.sender} signs the address that it calls, and the source {name} does not name it."
        remedy = f"`tracker keys new {name} --public-url https://HOST/v1/webhooks/{name}`, if a proxy changes the host."
        yield "warning", message, remedy
    if source.secret_file is not None:
        yield from _secret(name, Path(source.secret_file))


def _pages(name: str, book: sources.KeyFile, settings: Settings) -> Iterator[Result]:
    """What is wrong with the keys of a source that pages send with, or may."""
    rules = book.sources[name]
    kinds = {key.browser for key in book.keys if key.source == name and key.revoked_at is None}
    if None in kinds and rules.channel == vocabulary.WEB:
        yield (
            "warning",
            f"Keys of {name} were made before keys had kinds, and count as a server's.",
            f"If one is in a page, put `tracker keys new {name} --browser` in its place and revoke it.",
        )
    if True not in kinds:
        return
    if not sources.user_secrets(settings.collector_keys, rules):
        message = f"{name} has a browser's key and no secret that can be read: no customer_id from its pages counts."
        yield "warning", message, f"`tracker keys secret {name}` names the file, and makes it where there is none."
    elif (place := sources.user_secret_place(settings.collector_keys, rules)) and place.stat().st_mode & stat.S_IRWXO:
        message = f"Others may read the secret of {name}, and could send as any of its customers."
        yield "problem", message, f"Run `chmod o-rwx {place}`, then `tracker keys secret {name} --renew`."
    if orders := sorted({kind for kind in rules.types if vocabulary.TYPES.get(kind) == vocabulary.SHOP}):
        message = f"Everybody who reads a page of {name} can invent {', '.join(orders)}."
        yield (
            "warning",
            message,
            "Let the shop's server send these with a key of its own (`tracker keys new --server`).",
        )
    if not settings.collector_origins:
        message = f"{name} has a browser's key, and COLLECTOR_ORIGINS names no page that may send."
        yield "warning", message, "Name the pages' origins, such as https://shop.example.com. Apps need none."


def _secret(name: str, file: Path) -> Iterator[Result]:
    try:
        found, short = sources.secret_lines(file), sources.short_lines(file)
    except OSError:
        found, short = (), 0
    least = sources.LEAST_SECRET_BYTES
    if not found:
        message = f"The secret of {name} cannot be read or is too short; its webhooks are refused."
        yield "problem", message, f"Check {file}: it must hold the secret of the sender, at least {least} characters."
    elif short:
        message = f"{short} lines of the secrets of {name} are too short to be one, and count for nothing."
        yield "warning", message, f"Remove them from {file}, or write secrets of at least {least} characters."


def _keys(book: sources.KeyFile) -> Iterator[Result]:
    good = [key for key in book.keys if key.revoked_at is None]
    for name in book.sources.keys() - {key.source for key in good}:
        yield "warning", f"The source {name} has no valid key.", f"`tracker keys new {name}` creates one."
    yield "ok", f"{len(book.sources)} sources, {len(good)} write keys", ""


def _answer(settings: Settings) -> Result:
    where = f"{settings.collector_host}:{settings.collector_port}"
    connection = http.client.HTTPConnection(settings.collector_host, settings.collector_port, ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read(10_000)
    except (OSError, http.client.HTTPException):
        remedy = "If it runs elsewhere, run the doctor there, or name it by COLLECTOR_HOST and COLLECTOR_PORT."
        return "unknown", f"No collector answers at {where}.", remedy
    finally:
        connection.close()
    if answer.status == 200:
        return "ok", f"a collector at {where} accepts touchpoints", ""
    return (
        "problem",
        f"The collector at {where} is not ready: {_why(body)}.",
        "Check Kafka and the log of the collector.",
    )


def _why(body: bytes) -> str:
    try:
        return ", ".join(map(str, json.loads(body).get("waiting for", ["it is shutting down"])))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return "it gives no reason"


def _passed_over(settings: Settings) -> Iterator[Result]:
    """What no table maps, by the counts of the processes that run here; nothing where none answers."""
    counts: Counter[str] = Counter()
    for port in range(settings.collector_metrics_port, settings.collector_metrics_port + MOST_PROCESSES):
        page = _metrics(settings.http_host, port)
        if page is None:
            break
        for what, count in _unmapped(page):
            counts[what] += count
    if counts:
        often = ", ".join(f"{topic} ({count} times)" for topic, count in counts.most_common(MOST_NAMED))
        message = f"No table maps these webhooks, so they make no touchpoints: {often}."
        yield "remark", message, "Leave them out at the sender, or map them in COLLECTOR_TABLES (docs/webhooks.md)."


def _unmapped(page: str) -> Iterator[tuple[str, int]]:
    """What no table maps, and how often, by a page of metrics."""
    try:
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    except ValueError:
        # Another program listens there.
        return
    for sample in samples:
        if sample.name == PASSED_OVER.name and sample.labels.get("why") == "unmapped":
            yield f"{sample.labels['topic']} of {sample.labels['source']}", int(sample.value)


def _metrics(host: str, port: int) -> str | None:
    """The page of metrics; None where nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1" if host in ANYWHERE else host, port, ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.read(MOST_BYTES).decode("utf-8", "replace") if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
