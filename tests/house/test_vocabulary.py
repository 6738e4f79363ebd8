"""One vocabulary: whatever door or table that ships writes a touchpoint, it has a type of `schemas/vocabulary.py`."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import segment
from schemas.vocabulary import TYPES
from schemas.webhooks import SENDERS
from streams.imports.mapping import BY_TYPE

IMPORTS = Path(__file__).parents[2] / "examples" / "imports"
Written = tuple[str, str, str | None]
"""Who writes it, the type, and the channel; None where another decides the channel."""


def by_webhooks() -> Iterator[Written]:
    for name, sender in SENDERS.items():
        yield from ((name, mapping.type, mapping.channel) for mapping in sender.mappings)


def by_segment() -> Iterator[Written]:
    yield from (("segment", kind, segment.CHANNEL) for kind in segment.TYPES.values() if kind)
    yield from (("segment", kind, channel) for kind, channel in segment.CHANNELS.items())


def by_imports() -> Iterator[Written]:
    """Types that stand in the tables themselves: a file that names its own events may have any."""
    for path in sorted(IMPORTS.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["touchpoints"]:
            # `by_type`: the import asks the vocabulary.
            channel = entry["channel"] if entry["channel"] != BY_TYPE and isinstance(entry["channel"], str) else None
            yield from ((path.name, kind, channel) for kind in types_of(entry["type"]))


def types_of(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    found = given.get("words", {})
    return [*found.values()] if found else [given["value"]] if "value" in given else []


def by_sdks() -> Iterator[Written]:
    """Every table of an SDK with its `events`."""
    if importlib.util.find_spec("schemas.sdks") is None:
        return
    for found in pkgutil.iter_modules(importlib.import_module("schemas.sdks").__path__):
        for table in vars(importlib.import_module(f"schemas.sdks.{found.name}")).values():
            events = getattr(table, "events", None)
            if isinstance(events, dict):
                yield from ((found.name, kind, None) for kind in events.values())


WRITTEN = sorted({*by_webhooks(), *by_segment(), *by_imports(), *by_sdks()}, key=str)


@pytest.mark.parametrize(("who", "kind", "channel"), WRITTEN)
def test_what_ships_writes_one_vocabulary(who, kind, channel) -> None:
    """History and live touchpoints of all systems meet: one name for one thing, on one channel."""
    assert kind in TYPES, f"{who} writes {kind!r}"
    assert channel in {None, TYPES[kind]}, f"{who} writes {kind!r} to {channel}"


def test_the_tables_are_found() -> None:
    """The tables that the test is about are there: it would hold of none of them too."""
    who = {each for each, _, _ in WRITTEN}
    assert {"shopify", "stripe", "mandrill", "segment", "ga4-export.yaml", "zendesk-tickets.yaml"} <= who
