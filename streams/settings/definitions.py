"""The journeys of an installation, read from the files that its settings name."""

from collections.abc import Sequence

from streams.errors import UsageError
from streams.settings.settings import Settings
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.file import load


def load_journeys(settings: Settings) -> tuple[Definition, ...]:
    """Every definition, checked, including those of accounts.

    Raises `JourneyFileError` with all problems of the first file that has any, and `UsageError` where the name of a
    journey of accounts is taken by another journey.
    """
    journeys = with_accounts(load(path) for path in settings.journey_files())
    require_apart(journeys)
    return journeys


def require_apart(definitions: Sequence[Definition]) -> None:
    """Return when no journey of accounts has another journey's name. Raises UsageError."""
    names = {one.journey for one in definitions if one.of_people is None}
    for one in definitions:
        if one.of_people is None:
            continue
        if one.journey in names:
            raise UsageError(
                f"The journey of accounts of {one.of_people!r} is named {one.journey!r}, as another journey is.",
                "Give them another name: `accounts: {journey: ...}`.",
            )
        names.add(one.journey)
