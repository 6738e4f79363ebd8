"""Short ways to write definitions and touches in tests."""

from typing import Any

from tracker.engine.customer import CustomerFold
from tracker.engine.summary import Summary, summaries
from tracker.journey.definition import Definition, Rule, Stage
from tracker.touch import Touch

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z


def stage(name: str, *types: str, **more: Any) -> Stage:
    """A stage that touchpoints of these types (of its own name where none is given) belong to."""
    return Stage(name, tuple(Rule(type=kind) for kind in types or (name,)), **more)


def journey(*stages: Stage | str, **more: Any) -> Definition:
    """A definition of stages; a bare name is a stage of its own type."""
    return Definition("j", 1, tuple(stage(one) if isinstance(one, str) else one for one in stages), **more)


def touch(kind: str, hours: float = 0, event_id: str | None = None, **more: Any) -> Touch:
    """A touch so many hours after START_MS; its id is its type and time unless given."""
    properties, context = more.get("properties", {}), more.get("context", {})
    at_ms = START_MS + round(hours * HOUR_MS)
    return Touch("c", at_ms, kind, more.get("channel", "web"), event_id or f"{kind}{hours}", properties, context)


def touches(text: str) -> list[Touch]:
    """`a0 b1.5 a3`: type and hours of each touch, one-letter types."""
    return [touch(word[0], float(word[1:]), f"{place}") for place, word in enumerate(text.split())]


def seen(definition: Definition, given: list[Touch], *, at_h: float = 0) -> Summary:
    """What is to be seen after these touches, so many hours after START_MS (or at the newest touch)."""
    journeys = CustomerFold([definition], horizon_ms=None)
    now_ms = max([START_MS + round(at_h * HOUR_MS), *(one.at_ms for one in given)])
    return summaries(journeys, journeys.fold("c", None, given, now_ms).after)[0]
