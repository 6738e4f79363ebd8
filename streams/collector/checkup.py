"""What `tracker doctor` reports about the collector: its files, its key, and whether one runs on this machine."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from schemas import vocabulary
from streams.collector import plans, sources, tables
from streams.settings.settings import Settings

Result = tuple[Literal["ok", "unknown", "warning", "problem"], str, str]
ANSWER_WITHIN_S: Final = 2.0


def findings(settings: Settings) -> Iterator[Result]:
    """The findings: state, message, remedy. Raises ConfigurationError for a file that cannot be used."""
    book = sources.load(settings.collector_keys)
    if not book.sources:
        yield "ok", f"{settings.collector_keys} names no sources: no collector is set up here.", ""
        return
    yield from _key(settings)
    senders = tables.load(settings.collector_tables).senders
    for name, source in book.sources.items():
        yield from _source(name, source, settings, senders.keys())
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


def _key(settings: Settings) -> Iterator[Result]:
    if settings.hash_key is None:
        message = "TRACKER_HASH_KEY is missing, so no collector can start."
        yield "problem", message, "Set it to the output of `openssl rand -hex 32`, the same everywhere, and keep it."


def _source(name: str, source: sources.Source, settings: Settings, senders: object) -> Iterator[Result]:
    if source.channel not in {None, *settings.channels}:
        message = f"The source {name} sends to {source.channel}, which is not a channel."
        yield "problem", message, f"Name one of {', '.join(settings.channels)}, or add it to TRACKER_CHANNELS."
    if source.sender is not None and source.sender not in senders:  # type: ignore[operator]
        yield (
            "problem",
            f"The source {name} has an unknown sender, {source.sender}.",
            "Add the sender to COLLECTOR_TABLES.",
        )
    if source.secret_file is not None and not _readable(Path(source.secret_file)):
        message = f"The secret of {name} cannot be read; its webhooks are refused."
        yield "problem", message, f"Check {source.secret_file}: it must hold the secret that the sender signs with."


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
    elif (place := sources.user_secret_place(settings.collector_keys, rules)) and place.stat().st_mode & 0o077:
        message = f"Others may read the secret of {name}, and could send as any of its customers."
        yield "problem", message, f"Run `chmod 600 {place}`, then `tracker keys secret {name} --renew`."
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


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes().strip())
    except OSError:
        return False


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
