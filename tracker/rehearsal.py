"""A definition's own examples, tried on the engine: what was expected, and what came of it.

It knows an example's touchpoints and the engine's answer; how a failure is shown is the command's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tracker.contribution import Contributor
from tracker.customer import Journeys
from tracker.definition import Definition, Example, Given
from tracker.state import Progress, decode
from tracker.touch import Touch

BEGIN_MS: Final = 1_767_571_200_000
"""Monday, 5 January 2026, midnight UTC: examples count from here, so they come out the same for ever."""
CUSTOMER: Final = "example"


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that did not hold."""

    key: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one example; it holds when nothing was missed."""

    number: int
    """From 1, as it stands in the file."""
    line: int
    misses: tuple[Miss, ...]


def rehearse(definition: Definition) -> list[Outcome]:
    """The outcome of each of the definition's examples, in their order."""
    journeys = Journeys([definition], None)
    return [
        Outcome(number, example.line or 1, _misses(definition, example, journeys))
        for number, example in enumerate(definition.examples, start=1)
    ]


def _misses(definition: Definition, example: Example, journeys: Journeys) -> tuple[Miss, ...]:
    progress = _progress(example, journeys)
    found = {key: FINDERS[key](definition, progress) for key in example.expect}
    return tuple(
        Miss(key, _plain(expected), found[key])
        for key, expected in example.expect.items()
        if _comparable(expected) != _comparable(found[key])
    )


def _progress(example: Example, journeys: Journeys) -> Progress | None:
    """The progress of the example's customer; where a journey has a key, of the instance that moved last."""
    touches = [_touch(given, number) for number, given in enumerate(example.given)]
    newest_ms = max(each.at_ms for each in example.given)
    now_ms = BEGIN_MS + max(newest_ms, example.at_ms or 0)
    record = decode(journeys.fold(CUSTOMER, None, touches, now_ms).after)
    instances = [instance.progress for journey in record.journeys for instance in journey.instances]
    return max(instances, key=lambda each: each.zero_ms + each.last, default=None)


def _touch(given: Given, number: int) -> Touch:
    return Touch(
        customer=CUSTOMER,
        at_ms=BEGIN_MS + given.at_ms,
        type=given.type,
        channel=given.channel or "web",
        event_id=f"example-{number:04d}",
        properties=given.properties,
        context=given.context,
    )


def _current(definition: Definition, progress: Progress | None) -> str | None:
    return definition.stages[progress.stage].name if progress and progress.stage >= 0 else None


def _furthest(definition: Definition, progress: Progress | None) -> str | None:
    return definition.stages[progress.furthest].name if progress and progress.furthest >= 0 else None


def _reached(definition: Definition, progress: Progress | None) -> list[str]:
    first = progress.first if progress else [None] * len(definition.stages)
    return [stage.name for stage, at in zip(definition.stages, first, strict=True) if at is not None]


def _skipped(definition: Definition, progress: Progress | None) -> list[str]:
    if progress is None or progress.furthest < 0:
        return []
    below = zip(definition.stages[: progress.furthest], progress.first, strict=False)
    return [stage.name for stage, at in below if at is None and not stage.optional]


def _funnel_depth(_: Definition, progress: Progress | None) -> int:
    return progress.depth if progress else 0


def _status(definition: Definition, progress: Progress | None) -> str | None:
    return Contributor(definition).status(progress) if progress else None


FINDERS: Final[dict[str, Callable[[Definition, Progress | None], Any]]] = {
    "current": _current,
    "furthest": _furthest,
    "reached": _reached,
    "skipped": _skipped,
    "funnel_depth": _funnel_depth,
    "status": _status,
}


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
