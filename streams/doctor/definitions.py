"""The definitions of the journeys: whether the files that the settings name can be read.

What the store holds of definitions is compared with the files here.
"""

from collections.abc import Iterator

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
