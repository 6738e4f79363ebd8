"""The connection to the store for commands about a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.reader import served_prefix
from streams.settings.settings import Settings
from streams.stores.layout import require


@contextmanager
def opened_store(settings: Settings) -> Iterator[Any]:
    """A Redis client, after checking that the store has the partitions of the settings. Raises TrackerError."""
    with door(settings):
        client = redis_client(settings)
        require(client, settings.partitions, served_prefix(client))
        yield client
