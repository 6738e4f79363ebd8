"""The preflight: what must hold before worker processes start, so that a mistake is reported in one clear line."""

from typing import Final

from streams.clients import topic_shapes
from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.apply import apply, read_files
from streams.definitions.reader import served_prefix
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
        journeys = read_files(settings.journey_files())
        topic_shapes.require([each for each in topic_shapes.check(settings) if each.what in FATAL])
        client = redis_client(settings)
        client.ping()
        require(client, settings.partitions, served_prefix(client))
        # Here, so that a file that is refused ends the command with one line. Workers that are started again later go
        # on with the definitions of the store.
        apply(client, journeys, "start")
