"""The store as a command about a person opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.settings.settings import Settings
from streams.stores.layout import require


@contextmanager
def opened_store(settings: Settings) -> Iterator[Any]:
    """Redis, once its store is found to have as many partitions as the settings say. Raises TrackerError."""
    with door(settings):
        client = redis_client(settings)
        require(client, settings.partitions)
        yield client
