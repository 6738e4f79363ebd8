"""`tracker keys`: new, list, secret and revoke."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final, get_args
from unicodedata import normalize
from urllib.parse import urlsplit

import msgspec
import typer

from schemas import vocabulary
from streams.cli.options import AsJson
from streams.collector import sources, tables
from streams.errors import ExitCode, UsageError
from streams.settings import settings
from tracker import duration
from tracker.identity.pseudonym import Treatment

app = typer.Typer(help="Create and revoke the write keys of producers.")

KIND: Final = {True: "browser", False: "server", None: "server (made before keys had kinds)"}


@app.command()
def new(
    source: Annotated[str, typer.Argument(help="The producer's name, such as web-shop or help-desk.")],
    *,
    channel: Annotated[
        str | None, typer.Option(help="The only channel it may send to. Left out: each event names one.")
    ] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="A type it may send; repeat it for more. Left out: all.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A field to remove, as a path; repeat it for more.")] = None,
    personal: Annotated[str | None, typer.Option(help="E-mail and phone: keyed (hash), sha256, keep or drop.")] = None,
    sender: Annotated[
        str | None, typer.Option(help="Whose webhooks it sends: shopify, stripe, zendesk ... (docs/webhooks.md).")
    ] = None,
    secret_file: Annotated[Path | None, typer.Option(help="A file with the secret that the sender signs with.")] = None,
    browser: Annotated[
        bool | None,
        typer.Option(
            "--browser/--server",
            help="Whether everybody can read the key. Left out: as the source's other keys; at first a browser's for "
            "the channel web, else a server's.",
        ),
    ] = None,
    max_age: Annotated[
        str | None, typer.Option(metavar="AGE", help="Refuse older touchpoints. Left out: 48h for a browser's key.")
    ] = None,
    subject_is: Annotated[
        str | None, typer.Option(metavar="KIND", help="The kind of id that `subject` of a CloudEvent is.")
    ] = None,
    customer_id: Annotated[
        str | None, typer.Option(help="`own`: the sender's numbers of people are the company's customer numbers.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="The address that the sender calls, where it signs that (HubSpot, Mandrill).")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Create a write key, and its source if that is new. The key is printed once; only its hash is stored.

    A source may have several keys: create the new one, change the producer to it, then revoke the old one. Running
    collectors accept a new key at once. The options hold for all keys of the source; an option that is left out keeps
    its value. Collectors follow changed options within a second or two.

    A browser's key is in a page or an app, where everybody can read it. What it says counts for less than a server's:
    it proves a customer_id by its user_hash, sends the types of its list (left out: those of pages) and nothing old.
    docs/security.md has the rules.

    Examples:
      tracker keys new web-shop --channel web
      tracker keys new web-shop --channel web --type "Page Viewed" --type "Product Added"
      tracker keys new shop-backend --server
      tracker keys new help-desk --channel support --type "Ticket Opened" --type "Ticket Solved"
      tracker keys new app --drop context.device.id --personal sha256
      tracker keys new shop --sender shopify --secret-file shopify-secret
      tracker keys new crm --sender hubspot --secret-file hubspot-secret --public-url https://in.example.com/v1/webhooks/crm
    """
    asked = settings.read(os.environ)
    given = {
        "channel": channel,
        "types": tuple(normalize("NFC", each) for each in type_) if type_ else None,
        "drop": tuple(drop) if drop else None,
        "personal": personal,
        "sender": sender,
        "secret_file": str(secret_file.resolve()) if secret_file else None,
        "max_age_s": _seconds(max_age) if max_age else None,
        "subject_is": subject_is,
        "customer_id": customer_id,
        "public_url": public_url,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    _check(source, changes, asked)
    key, entry = sources.new(
        asked.collector_keys,
        source,
        lambda rules: msgspec.structs.replace(rules, **changes),
        time.time(),
        lambda book: _is_browser(book, source) if browser is None else browser,
    )
    kind = "browser" if entry.browser else "server"
    if as_json:
        print(json.dumps({"id": entry.id, "source": source, "kind": kind, "key": key}))
    else:
        print(key)
        print(f"{entry.id} of {source}, a {kind}'s; the key cannot be shown again.", file=sys.stderr)
        if sender:
            print(f"Its webhooks go to /v1/webhooks/{source} of the collector.", file=sys.stderr)
        if entry.browser:
            print(f"`tracker keys secret {source}` names the file of the secret for user_hash.", file=sys.stderr)
    return ExitCode.OK


def _is_browser(book: sources.KeyFile, source: str) -> bool:
    """Whether a new key is a browser's where nobody says: one that takes another's place is of the same kind."""
    others = [key for key in book.keys if key.source == source and key.revoked_at is None]
    return bool(others[-1].browser) if others else book.sources[source].channel == vocabulary.WEB


def _seconds(age: str) -> int:
    try:
        seconds = duration.parse(age) // 1000
    except duration.DurationError as error:
        raise UsageError(f"--max-age: {error}.", f"{error.remedy}.") from error
    if seconds == 0:
        raise UsageError("--max-age cannot be 0s.", "Write an age such as 48h or 7d.")
    return seconds


@app.command()
def secret(
    source: Annotated[str, typer.Argument(help="The source, as `tracker keys list` shows it.")],
    *,
    renew: Annotated[
        bool,
        typer.Option("--renew", help="Make a new secret. The former ones are valid until their lines are removed."),
    ] = False,
) -> int:
    """Print the file of the secret that proves customers' ids from browsers; it is made where there is none.

    A server computes `user_hash`, the HMAC-SHA-256 of the customer_id in hexadecimal, by the first line of this file,
    and gives it to the page of that customer. The secret itself must never reach a page.

    Examples:
      tracker keys secret web-shop
      tracker keys secret web-shop --renew
    """
    path = settings.read(os.environ).collector_keys
    rules = sources.load(path).sources.get(source)
    place = sources.user_secret_place(path, rules) if rules else None
    print(place if place and place.exists() and not renew else sources.new_secret(path, source))
    return ExitCode.OK


@app.command("list")
def list_(*, as_json: AsJson = False) -> int:
    """List the sources and the ids of their keys. The keys themselves are not stored.

    Examples:
      tracker keys list
      tracker keys list --json
    """
    book = sources.load(settings.read(os.environ).collector_keys)
    if as_json:
        keys = [
            {name: value for name, value in msgspec.to_builtins(key).items() if name != "sha256"} for key in book.keys
        ]
        print(json.dumps({"sources": msgspec.to_builtins(book.sources), "keys": keys}))
        return ExitCode.OK
    for name, rules in sorted(book.sources.items()):
        print(f"{name}  {_rules(rules)}".rstrip())
        for key in book.keys:
            if key.source == name:
                revoked = f"  revoked {key.revoked_at}" if key.revoked_at else ""
                print(f"    {key.id}  {KIND[key.browser]}  made {key.made_at}{revoked}")
    if not book.sources:
        print("There are no sources yet; `tracker keys new` creates one.")
    return ExitCode.OK


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `tracker keys list` shows it.")]) -> int:
    """Revoke a key; running collectors refuse it within a second or two.

    Examples:
      tracker keys revoke k1a2b3c4d
    """
    entry = sources.revoke(settings.read(os.environ).collector_keys, key_id, time.time())
    print(f"{entry.id} of {entry.source} is revoked.")
    return ExitCode.OK


def _check(source: str, changes: dict[str, Any], asked: settings.Settings) -> None:
    channels, senders = asked.channels, tables.load(asked.collector_tables, asked.channels).senders
    # The name is part of kinds of alias (`shopify_customer@NAME`), which have no letters but these.
    plain = source.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum()) or len(source) > sources.MAX_NAME:
        raise UsageError(
            f"{source!r} cannot name a source.", f"Use at most {sources.MAX_NAME} letters of a to z, digits, - and _."
        )
    if changes.get("channel", channels[0]) not in channels:
        raise UsageError(f"There is no channel {changes['channel']!r}.", f"There are {', '.join(channels)}.")
    if changes.get("personal", "keyed") not in get_args(Treatment):
        raise UsageError(f"--personal cannot be {changes['personal']!r}.", f"Use {', '.join(get_args(Treatment))}.")
    subjects = asked.kinds.order
    if changes.get("subject_is", subjects[0]) not in subjects:
        raise UsageError(f"--subject-is cannot be {changes['subject_is']!r}.", f"Use {', '.join(subjects)}.")
    if "sender" in changes and changes["sender"] not in senders:
        raise UsageError(f"There is no sender {changes['sender']!r}.", f"There are {', '.join(senders)}.")
    if "sender" in changes and senders[changes["sender"]].signature and "secret_file" not in changes:
        raise UsageError(f"{changes['sender']} signs its webhooks.", "Give the file of its secret with --secret-file.")
    if changes.get("customer_id", "own") != "own":
        raise UsageError(
            f"--customer-id cannot be {changes['customer_id']!r}.", "Use `own`, or leave it out: docs/webhooks.md."
        )
    if not urlsplit(changes.get("public_url", "https://host")).hostname:
        raise UsageError(
            f"--public-url {changes['public_url']!r} is no address.", "Write it whole: https://host/v1/webhooks/NAME."
        )
    if "secret_file" in changes:
        _check_secret(Path(changes["secret_file"]))


def _check_secret(file: Path) -> None:
    try:
        found = sources.secret_lines(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", "Check the path and its permissions.") from None
    if not found:
        raise UsageError(
            f"{file} holds no secret of at least {sources.LEAST_SECRET_BYTES} characters.",
            "Write the secret that the sender signs with into it, one a line.",
        )


def _rules(rules: sources.Source) -> str:
    fields = msgspec.to_builtins(rules)
    return "  ".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in fields.items()
    )
