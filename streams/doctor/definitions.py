"""Definitions: whether the journey files can be read, and by what the store counts."""

from collections.abc import Iterator
from contextlib import closing

from streams.clients.clients import redis_client
from streams.definitions.markers import doubts
from streams.definitions.served import read_served
from streams.doctor.finding import Inquiry, Result


def journeys(inquiry: Inquiry) -> Iterator[Result]:
    """Each journey with its stages."""
    from streams.settings.definitions import load_journeys

    seen: set[str] = set()
    for definition in load_journeys(inquiry.settings):
        name = f"{definition.journey} version {definition.version}"
        if definition.journey in seen:
            yield "problem", f"The journey {definition.journey!r} is defined twice.", "Give each its own name."
        seen.add(definition.journey)
        yield "ok", f"{name}: {' → '.join(stage.name for stage in definition.stages)}", ""
    if not seen:
        yield "problem", "TRACKER_JOURNEYS names folders without a journey file.", "Run `tracker new`."


def stored(inquiry: Inquiry) -> Iterator[Result]:
    """The store's definitions against the files, and the partitions against the record."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        found = doubts(client, settings)
        served = read_served(client, settings.partitions)
    for doubt in found:
        yield "problem" if doubt.is_problem else "remark", doubt.message, doubt.remedy
    if served is not None:
        names = ", ".join(f"{one.journey} {one.version}" for one in served.definitions)
        yield "ok", f"Revision {served.revision} counts {names}.", ""
