"""`tracker erase`: erase a person, block their names, and report which data remain where.

It sends the requests and waits. The workers at the homes of the names erase (`tracker/identity/erasure.py`), and
`streams/person/redis_data.py` lists what is stored.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from time import time
from typing import Annotated, Any

import typer

from schemas.routed import Erase
from schemas.topics import ROUTED
from streams.cli.options import Person
from streams.definitions.builds import prefix_of
from streams.definitions.reader import customer_fold, served_prefix
from streams.errors import ConfigurationError, ExitCode, Mismatch, TrackerError, UsageError
from streams.person import requests
from streams.person.identity import Identity, members, whole
from streams.person.opened import opened_store
from streams.person.redis_data import StoredPlace, counts, places
from streams.person.show import look_up
from streams.person.spellings import spellings
from streams.person.times import shown
from streams.process.terminal import printable
from streams.settings.settings import Settings, read
from streams.stores.keys import keys
from tracker.home import home
from tracker.identity.erasure import Digests


def erase(
    alias: Person,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", help="Also write the receipt to this file.")
    ] = None,
    wait: Annotated[float, typer.Option("--wait", min=0.1, help="Seconds to wait for the workers.")] = 60.0,
) -> int:
    """Erase a person: all their names, journeys, links and timers. This cannot be undone.

    The figures become what they would be without the person. Salted digests of the names stay, so that late
    touchpoints, repeats and rebuilds do not bring the data back. The receipt lists what was removed, what remains where
    and for how long: Kafka keeps the touchpoints until their retention ends.

    Exit codes: 8 when the workers use another TRACKER_ID_SALT, 10 when the person is not stored, 12 when the workers
    do not erase in time.

    Examples:
      tracker erase c-1042
      tracker erase anonymous_id:a-17 --yes --receipt a-17.json
      tracker erase jo@mail.example
    """
    settings = read(os.environ)
    digests = Digests(_salt(settings))
    if receipt is not None and (receipt.exists() or not receipt.parent.is_dir()):
        raise UsageError(
            f"{receipt} exists already, or its folder does not exist.",
            "Name another file: receipts are never overwritten.",
        )
    with opened_store(settings) as client:
        journeys = customer_fold(client, settings)
        prefix = served_prefix(client)
        _require_new(client, digests, alias, settings, prefix)
        identity = whole(client, alias, settings.partitions, settings.kinds, prefix, hash_key=settings.hash_key)
        removed = {name: counts(client, one, journeys, prefix) for name, one in identity.members.items()}
        remains = places(settings, int(time() * 1000))
        if not yes:
            _ask(identity, removed)
        at_ms = int(time() * 1000)
        with requests.producer(settings) as producer:
            erasures = [Erase(name, at_ms) for name in identity.names]
            requests.send(producer, erasures, settings.partitions, requests.kept_builds(client))
        fault = _fault(client, digests, identity, settings, wait)
    outcome = _receipt(identity, removed, remains, digests, settings, at_ms)
    # The receipt is printed even where the workers are late: the request itself was sent.
    text = json.dumps(outcome | ({"fault": str(fault), "done_at": None} if fault else {}), indent=2)
    print(text)
    if receipt is not None:
        receipt.write_text(text + "\n", encoding="utf-8")
    if fault:
        raise fault
    return ExitCode.OK


def _salt(settings: Settings) -> str:
    if settings.id_salt is None:
        raise ConfigurationError(
            "TRACKER_ID_SALT is not set: without it, erased names could be guessed from their digests.",
            "Set it to a long random text, the same for this command and all workers, and keep it.",
        )
    return settings.id_salt


def _is_out(client: Any, digests: Digests, name: str, settings: Settings, prefix: str) -> bool:
    names = keys(home(name, settings.partitions), prefix)
    return bool(client.sismember(names.suppressed, digests.digest(name)))


def _require_new(client: Any, digests: Digests, alias: str, settings: Settings, prefix: str) -> None:
    """Raises TrackerError where the name was erased; another customer with a similar name is not erased instead."""
    for name in spellings(alias, settings.kinds, settings.hash_key):
        if look_up(client, name, settings.partitions, prefix) is not None:
            return
        if _is_out(client, digests, name, settings, prefix):
            raise TrackerError(
                f"{name!r} was erased before.", "To erase an alias that it did not have then, give the alias itself.",
                ExitCode.NOT_FOUND,
            )  # fmt: skip


def _ask(identity: Identity, removed: dict[str, dict[str, int]]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody can confirm: standard input is not a terminal.", "Pass --yes.")
    for name in identity.names:
        held = removed.get(name, {})
        what = ", ".join(f"{count} {part}" for part, count in held.items() if part != "bytes")
        print(printable(f"  {name}: {what or 'nothing stored yet'}"), file=sys.stderr)
    typer.confirm("Erase all of this for good?", abort=True, err=True)


def _fault(
    client: Any, digests: Digests, identity: Identity, settings: Settings, within_s: float
) -> TrackerError | None:
    """None as soon as no record is left in any build and every name is blocked; what is wrong when the time is over."""

    def prefixes() -> list[str]:
        return [prefix_of(build) for build in requests.kept_builds(client)()]

    def is_gone() -> bool:
        return not any(list(members(client, identity.names, settings.partitions, prefix)) for prefix in prefixes())

    def are_out() -> bool:
        return all(_is_out(client, digests, name, settings, prefix) for name in identity.names for prefix in prefixes())

    if requests.held(lambda: is_gone() and are_out(), within_s):
        return None
    if is_gone():
        return Mismatch(
            "Everything is removed, but the workers block the names under another TRACKER_ID_SALT than this one.",
            "Run this command with the salt of the workers.",
        )
    return TrackerError(
        f"The request was sent, but was not carried out within {within_s:g} s.",
        f"Check that workers run: it waits in {ROUTED} until they read it. `tracker show` finds the names until then.",
        ExitCode.STALLED,
    )


def _receipt(
    identity: Identity,
    removed: dict[str, dict[str, int]],
    remains: list[StoredPlace],
    digests: Digests,
    settings: Settings,
    at_ms: int,
) -> dict[str, Any]:
    total: Counter[str] = Counter()
    for held in removed.values():
        total.update(held)
    requested = next((place.until for place in remains if place.where.endswith(ROUTED)), "the end of its retention")
    return {
        "erased": identity.customer,
        "asked_for": identity.asked,
        "asked_at": shown(at_ms),
        "done_at": shown(int(time() * 1000)),
        "removed": [
            {"name": name, "partition": home(name, settings.partitions), **removed.get(name, {})}
            for name in identity.names
        ],
        "removed_in_all": {"names": len(identity.names), **total},
        "figures": "corrected in the same writes",
        "kept_to_keep_them_out": [
            {"partition": home(name, settings.partitions), "digest": digests.digest(name).hex()}
            for name in identity.names
        ],
        "holds_against": {
            "late touchpoints, repeats, links": "as long as Redis keeps the digests: for good",
            "rebuilds from an empty Redis": f"as long as {ROUTED} keeps the request: {requested}",
        },
        "remains": [place.as_data() for place in remains],
    }
