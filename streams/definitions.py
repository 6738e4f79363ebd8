"""The journeys of an installation, read from the files that its settings name."""

from streams.settings import Settings
from tracker.definition import Definition
from tracker.journey_file import load


def load_journeys(settings: Settings) -> tuple[Definition, ...]:
    """Every definition, checked. Raises `JourneyFileError` with all problems of the first file that has any."""
    return tuple(load(path) for path in settings.journey_files())
