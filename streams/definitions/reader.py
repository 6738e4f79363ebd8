"""Reading: the keys that are served, and the journeys by which their states and figures are to be read."""

from typing import Any

from streams.definitions.apply import read_record
from streams.definitions.builds import prefix_of
from streams.definitions.record import read_newest
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings
from tracker.engine.customer import CustomerFold


def served_prefix(client: Any) -> str:
    """The prefix of the keys that are served now."""
    return prefix_of(read_newest(client).build)


def customer_fold(client: Any, settings: Settings) -> CustomerFold:
    """What folds and reads the served customers: by the definitions of the store's record, by the journey files where
    it has none.

    Raises TrackerError, and JourneyFileError where the files are read.
    """
    record = read_record(client)
    if record.revisions:
        return record.fold(record.newest, settings.lateness_horizon_ms)
    return CustomerFold(load_journeys(settings), settings.lateness_horizon_ms)
