"""The preflight: what must hold before worker processes start, so that a mistake is reported in one clear line."""

from typing import Final

from streams.clients import topic_shapes
from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings
from streams.stores.layout import require

# These differences would lose or split customers. Short retention or a single copy are risks that `tracker doctor`
# reports; they do not stop a worker.
FATAL: Final = frozenset({"topic", "partitions", "cleanup.policy"})


def preflight(settings: Settings) -> None:
    """Return when journeys can be read, Kafka and Redis answer, and topics and store match the settings.

    Raises a TrackerError within ten seconds.
    """
    with door(settings):
        load_journeys(settings)
        topic_shapes.require([each for each in topic_shapes.check(settings) if each.what in FATAL])
        client = redis_client(settings)
        client.ping()
        require(client, settings.partitions)
