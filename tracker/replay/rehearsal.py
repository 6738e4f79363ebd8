"""A definition's own examples, run on the engine: the expected state and the state found.

It knows an example's touchpoints and the engine's result; the command shows failures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.routed import Member
from tracker.engine.customer import CustomerFold
from tracker.engine.summary import Summary, summaries
from tracker.identity.accounts import with_accounts
from tracker.identity.incoming import Incoming
from tracker.identity.linking import Linking
from tracker.journey.conditions import lookup
from tracker.journey.definition import Definition, Example, Given
from tracker.touch import Touch

BEGIN_MS: Final = 1_767_571_200_000
"""Monday, 5 January 2026, midnight UTC: examples begin here, so their results never change."""
CUSTOMER: Final = "example"
ACCOUNT: Final = "account_id:example"


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that did not hold."""

    key: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one example; it passed when there are no misses."""

    number: int
    """From 1, by its order in the file."""
    line: int
    misses: tuple[Miss, ...]


def rehearse(definition: Definition) -> list[Outcome]:
    """The outcome of each of the definition's examples, in their order."""
    journeys = CustomerFold(with_accounts([definition]), None)
    return [
        Outcome(number, example.line or 1, _misses(example, outcome(journeys, example)))
        for number, example in enumerate(definition.examples, start=1)
    ]


def outcome(journeys: CustomerFold, example: Example) -> Summary | None:
    """The state after the example's touchpoints; None where no journey began.

    In a journey with a key it is that of the instance of the newest touchpoint that has the key.
    """
    touches = [_touch(given, number) for number, given in enumerate(example.given)]
    newest = sorted(touches, key=lambda touch: touch.at_ms)
    now_ms = max(newest[-1].at_ms, BEGIN_MS + (example.at_ms or 0))
    if any(given.person is not None for given in example.given):
        return _account(journeys, touches, now_ms)
    found = summaries(journeys, journeys.fold(CUSTOMER, None, touches, now_ms).after)
    key = journeys.definitions[0].key
    if key is None:
        return found[0] if found else None
    by_key = {each.key: each for each in found}
    wanted = [str(value) for touch in newest if (value := lookup(touch, key)) is not None]
    return next((by_key[each] for each in reversed(wanted) if each in by_key), None)


def _account(journeys: CustomerFold, touches: Sequence[Touch], now_ms: int) -> Summary | None:
    """The state of the account whose people have these touchpoints."""
    linking, news = Linking(journeys), list[Member]()
    for person in dict.fromkeys(touch.customer for touch in touches):
        theirs = [touch for touch in touches if touch.customer == person]
        messages = linking.relate(person, None, theirs, Incoming(), now_ms).messages
        news += [message for message in messages if isinstance(message, Member)]
    after = linking.relate(ACCOUNT, None, (), Incoming(messages=[*news]), now_ms).change.after
    return next(iter(summaries(journeys, after)), None)


def _misses(example: Example, found: Summary | None) -> tuple[Miss, ...]:
    got = {key: FINDERS[key](found) if found else NOTHING[key] for key in example.expect}
    return tuple(
        Miss(key, _plain(expected), got[key])
        for key, expected in example.expect.items()
        if _comparable(expected) != _comparable(got[key])
    )


def _touch(given: Given, number: int) -> Touch:
    return Touch(
        customer=given.person or CUSTOMER,
        at_ms=BEGIN_MS + given.at_ms,
        type=given.type,
        channel=given.channel or "web",
        event_id=f"example-{number:04d}",
        properties=given.properties,
        context=given.context,
        account=ACCOUNT,
    )


FINDERS: Final[dict[str, Callable[[Summary], Any]]] = {
    "current": lambda summary: summary.current,
    "furthest": lambda summary: summary.furthest,
    "reached": lambda summary: list(summary.reached),
    "skipped": lambda summary: list(summary.skipped),
    "funnel_depth": lambda summary: summary.funnel_depth,
    "status": lambda summary: summary.status,
}
NOTHING: Final[dict[str, Any]] = {
    "current": None,
    "furthest": None,
    "reached": [],
    "skipped": [],
    "funnel_depth": 0,
    "status": None,
}


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
