"""`tracker keys`: new, list and revoke."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer

from streams.cli.options import AsJson
from streams.collector import sources, tables
from streams.errors import ExitCode, UsageError
from streams.settings import settings
from tracker.identity.pseudonym import Treatment

app = typer.Typer(help="Make and revoke the write keys of producers.")


@app.command()
def new(
    source: Annotated[str, typer.Argument(help="Who sends: `web-shop`, `app`, `help-desk`.")],
    *,
    channel: Annotated[
        str | None, typer.Option(help="The only channel it may send to. Left out: each event says.")
    ] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="A type it may send; again for more. Left out: all.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A field to take out, as a path; again for more.")] = None,
    personal: Annotated[str | None, typer.Option(help="E-mail and phone: keyed, sha256, keep or drop.")] = None,
    sender: Annotated[str | None, typer.Option(help="Whose webhooks it sends: shopify, zendesk ...")] = None,
    secret_file: Annotated[Path | None, typer.Option(help="A file with the secret that the sender signs with.")] = None,
    as_json: AsJson = False,
) -> int:
    """Make a write key, and the source if it is new. The key is printed this once; its hash is kept.

    A source may have several keys at once: make the new one, let the producer change to it, revoke the old one.
    Running collectors take it at once. What is said about a source holds for all its keys; what is left out stays as
    it was, and collectors see it within a second or two.

    Examples:
      tracker keys new web-shop --channel web
      tracker keys new help-desk --channel support --type "Ticket Created" --type "Ticket Solved"
      tracker keys new app --drop context.device.id --personal sha256
      tracker keys new shop --sender shopify --secret-file shopify-secret
    """
    asked = settings.read(os.environ)
    said = {
        "channel": channel,
        "types": tuple(type_) if type_ else None,
        "drop": tuple(drop) if drop else None,
        "personal": personal,
        "sender": sender,
        "secret_file": str(secret_file.resolve()) if secret_file else None,
    }
    changes = {name: value for name, value in said.items() if value is not None}
    _check(source, changes, asked)
    key, entry = sources.new(
        asked.collector_keys, source, lambda rules: msgspec.structs.replace(rules, **changes), time.time()
    )
    if as_json:
        print(json.dumps({"id": entry.id, "source": source, "key": key}))
    else:
        print(key)
        print(f"{entry.id} of {source}; it cannot be shown again.", file=sys.stderr)
    return ExitCode.OK


@app.command("list")
def list_(*, as_json: AsJson = False) -> int:
    """Show sources and their keys, as far as they are known: not the keys themselves.

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
                print(f"    {key.id}  made {key.made_at}" + (f"  revoked {key.revoked_at}" if key.revoked_at else ""))
    if not book.sources:
        print("There are no sources yet; `tracker keys new` makes one.")
    return ExitCode.OK


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `tracker keys list` shows it.")]) -> int:
    """End a key: running collectors refuse it within a second or two.

    Examples:
      tracker keys revoke k1a2b3c4d
    """
    entry = sources.revoke(settings.read(os.environ).collector_keys, key_id, time.time())
    print(f"{entry.id} of {entry.source} is revoked.")
    return ExitCode.OK


def _check(source: str, changes: dict[str, Any], asked: settings.Settings) -> None:
    channels, senders = asked.channels, tables.load(asked.collector_tables).senders
    if not source.replace("-", "").replace("_", "").isalnum() or len(source) > sources.MAX_NAME:
        raise UsageError(f"{source!r} is no name for a source.", "Use letters, digits, - and _.")
    if changes.get("channel", channels[0]) not in channels:
        raise UsageError(f"There is no channel {changes['channel']!r}.", f"There are {', '.join(channels)}.")
    if changes.get("personal", "keyed") not in get_args(Treatment):
        raise UsageError(f"--personal cannot be {changes['personal']!r}.", f"Use {', '.join(get_args(Treatment))}.")
    if "sender" in changes and changes["sender"] not in senders:
        raise UsageError(f"There is no sender {changes['sender']!r}.", f"There are {', '.join(senders)}.")
    if "sender" in changes and senders[changes["sender"]].signature and "secret_file" not in changes:
        raise UsageError(f"{changes['sender']} signs its webhooks.", "Name its secret's file with --secret-file.")


def _rules(rules: sources.Source) -> str:
    told = msgspec.to_builtins(rules)
    return "  ".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in told.items()
    )
