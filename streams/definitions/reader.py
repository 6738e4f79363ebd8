"""Reading: the journeys by which the store's states and figures are to be read."""

from typing import Any

from streams.definitions.apply import read_record
from streams.settings.definitions import load_journeys
from streams.settings.settings import Settings
from streams.stores.keys import PREFIX
from tracker.engine.customer import CustomerFold


def customer_fold(client: Any, settings: Settings, prefix: str = PREFIX) -> CustomerFold:
    """What folds and reads the store's customers: by the definitions of its record, by the journey files where it has
    none.

    Raises TrackerError, and JourneyFileError where the files are read.
    """
    record = read_record(client, prefix)
    if record.revisions:
        return record.fold(record.newest, settings.lateness_horizon_ms)
    return CustomerFold(load_journeys(settings), settings.lateness_horizon_ms)
