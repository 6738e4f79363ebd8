"""The preflight: what must hold before worker processes are started, so that a mistake is one clear line."""

from typing import Final

from streams.clients import topic_shapes
from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings
from streams.stores.layout import require

# Short retention or one copy alone is a risk that `tracker doctor` tells; these would lose or split customers.
FATAL: Final = frozenset({"topic", "partitions", "cleanup.policy"})


def preflight(settings: Settings) -> None:
    """Returns when journeys can be read, both servers answer, and topics and store are as the settings say.

    Raises a TrackerError within ten seconds.
    """
    with door(settings):
        load_journeys(settings)
        topic_shapes.require([each for each in topic_shapes.check(settings) if each.what in FATAL])
        client = redis_client(settings)
        client.ping()
        require(client, settings.partitions)
