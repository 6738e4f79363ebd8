"""All touchpoints of a replay in columns: a few dozen bytes each, whatever their properties were.

It knows which parts of a touchpoint the definitions look at, and keeps those alone; it decides nothing.
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from tracker.definition import Definition, Rule
from tracker.event_line import is_nameless
from tracker.touch import Touch

Path = tuple[str, ...]
Event = tuple[int, str, int]
"""When, its id, and its kind: the number of all touchpoints that look the same to the definitions."""
_encode = msgspec.json.Encoder().encode


def paths(definitions: Iterable[Definition]) -> set[Path]:
    """Every place in a touchpoint that the definitions look at."""
    found: set[Path] = set()
    for definition in definitions:
        found |= {condition.path for rule in _rules(definition) for condition in rule.where}
        found |= {segment.path for segment in definition.segments}
        found |= {definition.key} if definition.key else set()
    return found


def _rules(definition: Definition) -> Iterator[Rule]:
    for stage in definition.stages:
        yield from stage.touchpoints
    yield from definition.exits
    for exclusion in definition.funnel.exclude:
        yield exclusion.rule


class Columns:
    """Touchpoints of many customers, added in any order, taken out customer by customer."""

    def __init__(self, definitions: Iterable[Definition], also: Iterable[Path] = ()) -> None:
        """`also`: further places to keep, for a breakdown or an account."""
        wanted = paths(definitions) | set(also)
        self._properties = sorted({path[1] for path in wanted if path[0] == "properties" and len(path) > 1})
        self._context = sorted({path[1] for path in wanted if path[0] == "context" and len(path) > 1})
        self._at_ms = array("q")
        self._customers: dict[str, int] = {}
        self._customer_of = array("I")
        self._kinds: dict[Any, int] = {}
        self._kind_of = array("I")
        self._looks: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
        self._ids = bytearray()
        self._id_ends = array("Q")
        self.oldest_ms: int | None = None
        self.newest_ms: int | None = None

    def __len__(self) -> int:
        return len(self._at_ms)

    def add(self, touch: Touch) -> None:
        """Keeps a touchpoint."""
        self._at_ms.append(touch.at_ms)
        self._customer_of.append(self._customers.setdefault(touch.customer, len(self._customers)))
        self._kind_of.append(self._kind(touch))
        self._ids += touch.event_id.encode("utf-8", "surrogatepass")
        self._id_ends.append(len(self._ids))
        if self.newest_ms is None or touch.at_ms > self.newest_ms:
            self.newest_ms = touch.at_ms
        if self.oldest_ms is None or touch.at_ms < self.oldest_ms:
            self.oldest_ms = touch.at_ms

    def _kind(self, touch: Touch) -> int:
        """The number of all touchpoints that look like this one to the definitions."""
        name: Any = (touch.type, touch.channel)
        properties: dict[str, Any] = {}
        context: dict[str, Any] = {}
        if self._properties or self._context:
            properties = {name: touch.properties[name] for name in self._properties if name in touch.properties}
            context = {name: touch.context[name] for name in self._context if name in touch.context}
            name = (touch.type, touch.channel, _encode((properties, context)))
        number = self._kinds.get(name)
        if number is None:
            number = self._kinds[name] = len(self._looks)
            self._looks.append((touch.type, touch.channel, properties, context))
        return number

    def customers(self) -> Iterator[tuple[str, list[Event]]]:
        """Each customer with all their events, in order of time; customers as they first appeared."""
        names = list(self._customers)
        by_customer = sorted(range(len(self)), key=self._customer_of.__getitem__)
        for number, places in groupby(by_customer, key=self._customer_of.__getitem__):
            yield names[number], _named(sorted(self._event(place) for place in places))

    def of(self, customer: str) -> list[Event] | None:
        """One customer's events, in order of time; None where there are none."""
        number = self._customers.get(customer)
        if number is None:
            return None
        places = [place for place, one in enumerate(self._customer_of) if one == number]
        return _named(sorted(self._event(place) for place in places))

    def look(self, kind: int) -> Touch:
        """A touchpoint of this kind, with what the definitions look at; its customer, id and time are none."""
        name, channel, properties, context = self._looks[kind]
        return Touch("", 0, name, channel, "", properties, context)

    def touch(self, customer: str, event: Event) -> Touch:
        """The touchpoint that an event was, as far as the definitions look at it."""
        touch = self.look(event[2])
        touch.customer, touch.at_ms, touch.event_id, touch.device_at_ms = customer, event[0], event[1], event[0]
        return touch

    def _event(self, place: int) -> Event:
        begin = self._id_ends[place - 1] if place else 0
        event_id = self._ids[begin : self._id_ends[place]].decode("utf-8", "surrogatepass")
        return self._at_ms[place], event_id, self._kind_of[place]


def _named(events: list[Event]) -> list[Event]:
    """Tells apart the lines that had no id and say the same: each is an event of its own."""
    seen: dict[str, int] = {}
    for place, (at_ms, event_id, kind) in enumerate(events):
        if is_nameless(event_id):
            number = seen[event_id] = seen.get(event_id, 0) + 1
            if number > 1:
                events[place] = (at_ms, f"{event_id}#{number}", kind)
    return events
