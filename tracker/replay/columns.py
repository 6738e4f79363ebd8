"""All touchpoints of a replay in columns: a few dozen bytes each, whatever their properties were.

It keeps only the parts of a touchpoint that the definitions use. `tracker/identity/who.py` resolves identities.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.trust import NEVER_MS, ranked_ms
from tracker.identity.who import Who
from tracker.journey.definition import Definition, Rule
from tracker.paths import ANY, Path, index_of
from tracker.planning.decode import FUTURE_MS
from tracker.replay.line import is_nameless
from tracker.touch import Touch

Event = tuple[int, str, int]
"""Time (ms), id and kind; touchpoints that are equal to the definitions have the same kind."""
_encode = msgspec.json.Encoder().encode


def paths(definitions: Iterable[Definition]) -> set[Path]:
    """Every path in a touchpoint that the definitions use."""
    found: set[Path] = set()
    for definition in definitions:
        found |= {condition.path for rule in _rules(definition) for condition in rule.where}
        found |= {segment.path for segment in definition.segments}
        found |= {survey.score for survey in definition.feedback}
        found |= {definition.key} if definition.key else set()
        found |= {definition.accounts.path} if definition.accounts and definition.accounts.path else set()
    return found


def _rules(definition: Definition) -> Iterator[Rule]:
    for stage in definition.stages:
        yield from stage.touchpoints
    yield from definition.exits
    yield from definition.not_activity
    for exclusion in definition.funnel.exclude:
        yield exclusion.rule
    for survey in definition.feedback:
        yield survey.rule


class Columns:
    """Touchpoints under many names, added in any order and read customer by customer."""

    def __init__(
        self,
        definitions: Iterable[Definition],
        also: Iterable[Path] = (),
        kinds: Kinds = KINDS,
        present_ms: int | None = None,
    ) -> None:
        """`also`: further paths to keep, for a breakdown or an account.

        `present_ms`: a touchpoint more than five minutes after it has a wrong clock; `settle` gives it its time.
        """
        definitions = list(definitions)
        wanted = paths(definitions) | set(also)
        self._has_accounts = any(definition.accounts for definition in definitions)
        self._properties = _tree([path[1:] for path in wanted if path[0] == "properties"])
        self._context = _tree([path[1:] for path in wanted if path[0] == "context"])
        self._at_ms = array("q")
        self._names: dict[str, int] = {}
        self._name_of = array("I")
        self._who = Who(kinds)
        self._customers: dict[str, str] = {}
        """By name: its customer, where that is another name."""
        self._customer_of: Sequence[int] = self._name_of
        self._resolved = 0
        """The number of touchpoints when identities were last resolved."""
        self._kinds: dict[Any, int] = {}
        self._kind_of = array("I")
        self._looks: list[tuple[str, str, dict[str, Any], dict[str, Any], str | None, bool]] = []
        self._ids = bytearray()
        self._id_ends = array("Q")
        self.oldest_ms: int | None = None
        self.newest_ms: int | None = None
        self._latest_ms = NEVER_MS if present_ms is None else present_ms + FUTURE_MS
        self._future = array("Q")
        """Places of the touchpoints in the future."""
        self._future_links: list[tuple[str, str, str, bool]] = []
        """A name, another one that came with it, the touchpoint, and whether a browser sent it."""
        self.furthest_ms: int | None = None
        """The latest moment in the future."""
        self.taken_for_ms: int | None = None
        """The time that touchpoints in the future got."""

    def __len__(self) -> int:
        return len(self._at_ms)

    def add(self, touch: Touch) -> None:
        """Add a touchpoint."""
        self._at_ms.append(touch.at_ms)
        self._name_of.append(self._names.setdefault(touch.customer, len(self._names)))
        self._kind_of.append(self._kind(touch))
        self._ids += touch.event_id.encode("utf-8", "surrogatepass")
        self._id_ends.append(len(self._ids))
        if touch.at_ms > self._latest_ms:
            self._set_aside(touch)
            return
        for other in touch.links:
            self._who.see(touch.customer, other, ranked_ms(touch.at_ms, is_browser=touch.is_browser), touch.event_id)
        if self.newest_ms is None or touch.at_ms > self.newest_ms:
            self.newest_ms = touch.at_ms
        if self.oldest_ms is None or touch.at_ms < self.oldest_ms:
            self.oldest_ms = touch.at_ms

    def _set_aside(self, touch: Touch) -> None:
        self._future.append(len(self) - 1)
        self._future_links += [(touch.customer, other, touch.event_id, touch.is_browser) for other in touch.links]
        self.furthest_ms = max(touch.at_ms, self.furthest_ms or 0)

    @property
    def future(self) -> int:
        """How many touchpoints lie in the future."""
        return len(self._future)

    def settle(self, present_ms: int) -> None:
        """Call it after the last `add`: touchpoints in the future get the newest time of the others, or `present_ms`.

        A worker takes the time of reception, which a file need not have. A file is written soon after its newest
        touchpoint. Today's time was weighed: one wrong clock would make all customers of an old file drop off.
        """
        if not self._future:
            return
        if self.newest_ms is None:
            self.oldest_ms = self.newest_ms = present_ms
        self.taken_for_ms = self.newest_ms
        for place in self._future:
            self._at_ms[place] = self.taken_for_ms
        for name, other, event_id, is_browser in self._future_links:
            self._who.see(name, other, ranked_ms(self.taken_for_ms, is_browser=is_browser), event_id)
        self._future_links.clear()

    def _kind(self, touch: Touch) -> int:
        """The kind of a touchpoint: one number for all that are equal to the definitions."""
        name: Any = (touch.type, touch.channel, touch.is_browser)
        properties: dict[str, Any] = {}
        context: dict[str, Any] = {}
        if self._properties or self._context:
            properties = _pruned(touch.properties, self._properties) if self._properties else {}
            context = _pruned(touch.context, self._context) if self._context else {}
            name = (touch.type, touch.channel, touch.is_browser, _encode((properties, context)))
        account = touch.account if self._has_accounts else None
        if account is not None:
            name = (*name, account)
        number = self._kinds.get(name)
        if number is None:
            number = self._kinds[name] = len(self._looks)
            self._looks.append((touch.type, touch.channel, properties, context, account, touch.is_browser))
        return number

    def customers(self) -> Iterator[tuple[str, list[Event]]]:
        """Each customer with all their events under any name, in order of time."""
        self._resolve()
        names = list(self._names)
        by_customer = sorted(range(len(self)), key=self._customer_of.__getitem__)
        for number, places in groupby(by_customer, key=self._customer_of.__getitem__):
            yield names[number], _named(sorted(self._event(place) for place in places))

    def customer(self, name: str) -> str:
        """The customer whom a name belongs to."""
        self._resolve()
        return self._customers.get(name, name)

    def of(self, customer: str) -> list[Event] | None:
        """One customer's events under any name, in order of time; None where there are none."""
        self._resolve()
        number = self._names.get(customer)
        places = [place for place, one in enumerate(self._customer_of) if one == number]
        return _named(sorted(self._event(place) for place in places)) if places else None

    def _resolve(self) -> None:
        """Resolve identities, if touchpoints were added since the last time."""
        if self._resolved == len(self):
            return
        self._resolved = len(self)
        self._customers, self._customer_of = self._who.customers(), self._name_of
        if not self._customers:
            return
        names = self._names
        numbers = array("I", range(len(names)))
        for name, customer in self._customers.items():
            if name in names:
                numbers[names[name]] = names.setdefault(customer, len(names))
        self._customer_of = array("I", map(numbers.__getitem__, self._name_of))

    def look(self, kind: int) -> Touch:
        """A touchpoint of this kind with the parts that the definitions use, without customer, id and time."""
        name, channel, properties, context, account, is_browser = self._looks[kind]
        return Touch("", 0, name, channel, "", properties, context, account=account, is_browser=is_browser)

    def is_browser(self, kind: int) -> bool:
        """Whether touchpoints of this kind came with a browser's key."""
        return self._looks[kind][5]

    def touch(self, customer: str, event: Event) -> Touch:
        """The touchpoint of an event, with the parts that the definitions use."""
        touch = self.look(event[2])
        touch.customer, touch.at_ms, touch.event_id, touch.device_at_ms = customer, event[0], event[1], event[0]
        return touch

    def _event(self, place: int) -> Event:
        begin = self._id_ends[place - 1] if place else 0
        event_id = self._ids[begin : self._id_ends[place]].decode("utf-8", "surrogatepass")
        return self._at_ms[place], event_id, self._kind_of[place]


Tree = dict[str, Any]
"""By part of a path: the tree of the parts below it; empty where the value is wanted whole."""


def _tree(wanted: Iterable[Path]) -> Tree:
    """What is below a root, by these paths; names are sorted, so that equal touchpoints have equal parts."""
    below: dict[str, list[Path]] = {}
    for path in sorted(wanted):
        if path:
            below.setdefault(path[0], []).append(path[1:])
    return {part: {} if () in rest else _tree(rest) for part, rest in below.items()}


def _pruned(value: Any, tree: Tree) -> Any:
    """The parts of a value that the tree names. Elements keep their places, and none is left out."""
    if not tree:
        return value
    if isinstance(value, dict):
        if ANY in tree:
            return {name: _kept(each, tree, name) for name, each in sorted(value.items())}
        return {name: _kept(value[name], tree, name) for name in tree if name in value}
    if isinstance(value, list):
        length = len(value) if ANY in tree else max(map(index_of, tree)) + 1
        return [_kept(each, tree, str(place)) for place, each in enumerate(value[:length])]
    # No path leads into a text or a number, but it is there.
    return value if value is None else True


def _kept(value: Any, tree: Tree, name: str) -> Any:
    """What the tree wants of one element: by its own name, and as any."""
    rests = [tree[part] for part in {name, ANY} if part in tree]
    if not rests:
        return None
    return _pruned(value, {} if {} in rests else _merged(rests))


def _merged(trees: Sequence[Tree]) -> Tree:
    merged: Tree = {}
    for tree in trees:
        for part, rest in tree.items():
            known = merged.get(part)
            merged[part] = rest if known is None else {} if not (known and rest) else _merged([known, rest])
    return merged


def _named(events: list[Event]) -> list[Event]:
    """Number equal lines that had no id, since each is an event of its own."""
    seen: dict[str, int] = {}
    for place, (at_ms, event_id, kind) in enumerate(events):
        if is_nameless(event_id):
            number = seen[event_id] = seen.get(event_id, 0) + 1
            if number > 1:
                events[place] = (at_ms, f"{event_id}#{number}", kind)
    return events
