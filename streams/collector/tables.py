"""The tables of the adapters: those of `schemas/`, preceded by the user's own from YAML."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas import segment
from schemas.topics import CHANNELS
from schemas.webhooks import SENDERS
from schemas.webhooks.form import Webhook, WebhookSender
from streams.collector.webhooks.table_faults import faults, mapping_faults
from streams.errors import ConfigurationError


class ExtraTables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of COLLECTOR_TABLES."""

    channels: dict[str, str] = {}
    """The channel of each event of Segment's API, by the event's name."""
    mappings: dict[str, tuple[Webhook, ...]] = {}
    """Further mappings of known senders; these are tried first."""
    senders: dict[str, WebhookSender] = {}
    """Further senders."""


class Tables(msgspec.Struct, frozen=True):
    """The tables of a running collector."""

    channels: dict[str, str]
    senders: dict[str, WebhookSender]


def load(path: Path | None, channels: tuple[str, ...] = CHANNELS) -> Tables:
    """The tables, with those of the file if there is one. Raises ConfigurationError."""
    own = _read(path) if path else ExtraTables()
    senders = SENDERS | own.senders
    found = [fault for name, sender in own.senders.items() for fault in faults(name, sender, channels)]
    for name, mappings in own.mappings.items():
        if name not in senders:
            raise _wrong(path, f"`mappings` names the sender {name!r}; there are {', '.join(senders)}")
        for number, mapping in enumerate(mappings):
            found += mapping_faults(f"mappings.{name}[{number}]", mapping, senders[name], channels)
        senders[name] = msgspec.structs.replace(senders[name], mappings=(*mappings, *senders[name].mappings))
    found += [
        f"channels: {channel!r} of {event!r} is no channel; there are {', '.join(channels)}"
        for event, channel in own.channels.items()
        if channel not in channels
    ]
    if found:
        raise _wrong(path, "; ".join(found))
    return Tables(segment.CHANNELS | own.channels, senders)


def _read(path: Path) -> ExtraTables:
    try:
        return msgspec.convert(_named(yaml.safe_load(path.read_text(encoding="utf-8")) or {}), ExtraTables)
    except (yaml.YAMLError, msgspec.ValidationError, OSError, UnicodeDecodeError) as error:
        raise _wrong(path, " ".join(str(error).split())) from error


def _named(value: Any) -> Any:
    """The value with texts for the names in it: YAML takes `103: 5` and `true: 1` for other things."""
    if isinstance(value, dict):
        return {
            str(name).lower() if isinstance(name, bool) else str(name): _named(each) for name, each in value.items()
        }
    return [_named(each) for each in value] if isinstance(value, list) else value


def _wrong(path: Path | None, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"COLLECTOR_TABLES names {str(path)!r}, which cannot be used: {why}.", "docs/webhooks.md shows such a file."
    )
