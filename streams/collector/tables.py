"""The tables of the adapters: those of `schemas/`, preceded by the user's own from YAML."""

from pathlib import Path

import msgspec
import yaml

from schemas import segment
from schemas.webhooks import SENDERS, Webhook, WebhookSender
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


def load(path: Path | None) -> Tables:
    """The tables, with those of the file if there is one. Raises ConfigurationError."""
    own = _read(path) if path else ExtraTables()
    senders = SENDERS | own.senders
    for name, mappings in own.mappings.items():
        if name not in senders:
            raise _wrong(path, f"`mappings` names the sender {name!r}; there are {', '.join(senders)}")
        senders[name] = msgspec.structs.replace(senders[name], mappings=(*mappings, *senders[name].mappings))
    return Tables(segment.CHANNELS | own.channels, senders)


def _read(path: Path) -> ExtraTables:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, ExtraTables)
    except (yaml.YAMLError, msgspec.ValidationError, OSError, UnicodeDecodeError) as error:
        raise _wrong(path, " ".join(str(error).split())) from error


def _wrong(path: Path | None, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"COLLECTOR_TABLES names {str(path)!r}, which cannot be used: {why}.", "docs/collector.md shows such a file."
    )
