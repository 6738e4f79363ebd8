"""The journeys of an installation, read from the files that its settings name."""

from streams.errors import UsageError
from streams.settings.settings import Settings
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.file import load


def load_journeys(settings: Settings) -> tuple[Definition, ...]:
    """Every definition, checked, those of accounts among them.

    Raises `JourneyFileError` with all problems of the first file that has any, and `UsageError` where the journey of
    accounts that one file asks for is another file's.
    """
    journeys = with_accounts(load(path) for path in settings.journey_files())
    names = {one.journey for one in journeys if one.of_people is None}
    for one in journeys:
        if one.of_people is not None and one.journey in names:
            raise UsageError(
                f"The accounts of journey {one.of_people!r} are called {one.journey!r}, as another journey is.",
                "Give them another name: `accounts: {journey: ...}`.",
            )
        names.add(one.journey)
    return journeys
