"""A replay: the figures of one journey over a whole set of touchpoints, each customer folded once.

The set is complete, so it is sorted, and no lateness horizon applies. It knows no files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tracker import paths
from tracker.engine.canaries import CANARY
from tracker.engine.chain import Link, chain_of
from tracker.engine.customer import CustomerFold
from tracker.engine.matcher import as_text
from tracker.engine.summary import Summary, summarise
from tracker.journey.conditions import getter
from tracker.journey.definition import Definition
from tracker.moment import ALL_TIME, TimeSpan
from tracker.records.log import Entry, counting, is_browsers, short_id
from tracker.records.state import Instance
from tracker.replay.account_folder import AccountFolder
from tracker.replay.columns import Columns, Event
from tracker.replay.report import CustomerResult, ReplayFigures, Report

OTHER: Final = "other"
NONE: Final = "(none)"
NOT_ACTIVITY: Final = "not the customer's activity: it breaks no silence and belongs to no stage"
# A breakdown by an undeclared path could have a value for every customer.
MAX_VALUES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What to break the figures down by: a declared segment, or any path in a touchpoint."""

    segment: str | None = None
    path: paths.Path | None = None
    attribution: str = "first"
    """For a path: `first`, `last`, or the stage whose first touchpoint gives the value."""


class BreakdownError(ValueError):
    """A breakdown that the definition does not allow; the message lists what it allows."""


def breakdown(definition: Definition, text: str) -> Breakdown:
    """The breakdown that `--by` asks for: a segment's name, or a path such as `properties.plan`.

    A path may end in `:last` or `:STAGE`. Raises BreakdownError.
    """
    names = [segment.name for segment in definition.segments]
    if text in names:
        return Breakdown(segment=text)
    stages = [stage.name for stage in definition.stages]
    # A name in quotes may have a colon.
    attribution = re.sub(r'"(?:[^"]|"")*"', "", text).partition(":")[2]
    try:
        path = paths.parse(text[: -len(attribution) - 1] if attribution else text.removesuffix(":"))
    except paths.PathError:
        declared = f"the segments {', '.join(names)}, or " if names else ""
        raise BreakdownError(f"{text!r} is no segment: use {declared}a path such as properties.plan") from None
    if attribution and attribution not in ("first", "last", *stages):
        raise BreakdownError(f"{attribution!r} is no attribution: use first, last or one of {', '.join(stages)}")
    return Breakdown(path=path, attribution=attribution or "first")


class _Kind(NamedTuple):
    """The parts that all events of one kind share."""

    entry: Entry | None
    key: str | None
    value: str | None


class Folder:
    """Folds customers of one journey, each from all their events."""

    def __init__(
        self,
        definition: Definition,
        columns: Columns,
        by: Breakdown | None = None,
        accounts: AccountFolder | None = None,
    ) -> None:
        """`accounts`: gets every customer."""
        self.definition: Final = definition
        self.instance_fold: Final = CustomerFold([definition], horizon_ms=None).instance_folds[0]
        self._columns = columns
        self._by = by
        self._accounts = accounts
        self._key = getter(definition.key) if definition.key else None
        self._value = getter(by.path) if by and by.path else None
        self._kinds: dict[int, _Kind] = {}
        self._stages = (1 << len(definition.stages)) - 1
        names = [stage.name for stage in definition.stages]
        self._wanted = 1 << names.index(by.attribution) if by and by.attribution in names else self._stages

    def fold(self, customer: str, events: Sequence[Event], now_ms: int) -> list[CustomerResult]:
        """Every instance of the customer that has begun, with the clock at `now_ms`.

        Events must be in order of time, each id once.
        """
        results = []
        for key, group in self._grouped(events).items():
            entries = _counting(group)
            progress = self.instance_fold.engine.fold(entry for entry, _ in entries)
            if progress is None:
                continue
            if self._accounts is not None:
                touches = [self._columns.touch(customer, event) for event in events]
                self._accounts.see(customer, touches, [entry for entry, _ in entries], progress)
            if progress.stage < 0:
                continue
            self.instance_fold.engine.look(progress, now_ms)
            summary = summarise(self.instance_fold, Instance(key, progress))
            chain = self._chain(entries, progress.depth)
            results.append(CustomerResult(customer, summary, chain, self._value_of(summary, entries)))
        return results

    def entry(self, event: Event) -> Entry | None:
        """An event as the fold sees it; None where it cannot affect the journey."""
        template = self._kind(event[2]).entry
        return None if template is None else self._entry(template, event)

    def why_not(self, event: Event) -> str:
        """Why an event cannot affect the journey, in words."""
        is_passive = self.instance_fold.engine.matcher.is_passive
        if is_passive is not None and is_passive(self._columns.look(event[2])):
            return NOT_ACTIVITY
        return "it meets no rule of this journey"

    def key(self, event: Event) -> str | None:
        """The instance of a keyed journey that an event belongs to."""
        return self._kind(event[2]).key

    def _grouped(self, events: Sequence[Event]) -> dict[str | None, list[tuple[Entry, str | None]]]:
        groups: dict[str | None, list[tuple[Entry, str | None]]] = {}
        for event in events:
            template, key, value = self._kind(event[2])
            if template is not None and (self._key is None or key):
                groups.setdefault(key, []).append((self._entry(template, event), value))
        return groups

    @staticmethod
    def _entry(template: Entry, event: Event) -> Entry:
        _, order, of_kind, bits, rule, segments = template
        return Entry(event[0], order, short_id(event[1], is_browsers(of_kind)), bits, rule, segments)

    def _kind(self, number: int) -> _Kind:
        kind = self._kinds.get(number)
        if kind is None:
            touch = self._columns.look(number)
            key = as_text(self._key(touch)) if self._key else None
            value = as_text(self._value(touch)) if self._value else None
            kind = self._kinds[number] = _Kind(self.instance_fold.engine.entry(touch), key, value)
        return kind

    def _chain(self, entries: Sequence[tuple[Entry, str | None]], depth: int) -> list[Link]:
        if depth < 2 and self.definition.funnel.mode != "any":
            return []
        steps = self.instance_fold.engine.steps
        # An exit breaks no chain. Other touchpoints without a step matter only to a strict chain.
        bearing = ~0 if steps.mode == "strict" else steps.mask | steps.break_mask
        return chain_of(steps, [entry for entry, _ in entries if entry.bits & bearing or bearing == ~0], depth)

    def _value_of(self, summary: Summary, entries: Sequence[tuple[Entry, str | None]]) -> str | None:
        if self._by is None:
            return None
        if self._by.segment is not None:
            return summary.segments.get(self._by.segment, OTHER)
        values = [value for entry, value in entries if value is not None and entry.bits & self._wanted]
        if not values:
            return NONE
        return values[-1] if self._by.attribution == "last" else values[0]


class Replay:
    """Folds all customers, one after another, and adds up their figures."""

    def __init__(
        self,
        definition: Definition,
        columns: Columns,
        now_ms: int | None = None,
        by: Breakdown | None = None,
        entered: TimeSpan = ALL_TIME,
    ) -> None:
        """`now_ms`: the moment of the figures; None: that of the newest touchpoint.

        `entered`: when customers entered the journey who are counted, and accounts likewise. All their touchpoints
        count, also later ones.
        """
        self.definition: Final = definition
        self.now_ms: Final = now_ms if now_ms is not None else (columns.newest_ms or 0)
        self._columns = columns
        self._by = by
        self._accounts = AccountFolder(definition) if definition.accounts is not None else None
        self.folder: Final = Folder(definition, columns, by, self._accounts)
        self.report: Final = Report(definition, self.now_ms, ReplayFigures(definition), self._values(by))
        self._entered = entered
        if entered != ALL_TIME:
            self.report.left_out = 0

    def _values(self, by: Breakdown | None) -> dict[str, ReplayFigures] | None:
        if by is None:
            return None
        segment = next((one for one in self.definition.segments if one.name == by.segment), None)
        # Declared values are shown even where no customer has them.
        return {value: ReplayFigures(self.definition) for value in segment.values} if segment else {}

    def customers(self) -> Iterator[list[CustomerResult]]:
        """The results of each customer; taking them also counts them in the report."""
        for customer, events in self._columns.customers():
            if customer.startswith(CANARY):
                continue
            once = unique(self._columns, events)
            applied = len({event[1] for event in once})
            self.report.applied += applied
            self.report.duplicate += len(events) - applied
            results = self._kept(self.folder.fold(customer, once, self.now_ms))
            for one in results:
                self._count(one)
            yield results
        if self._accounts is not None:
            self.report.accounts = ReplayFigures(self.definition)
            for account in self._accounts.accounts(self.now_ms):
                result = CustomerResult(*account, None)
                if self._entered.holds(result.summary.began_ms):
                    self.report.accounts.add(result)

    def _kept(self, results: list[CustomerResult]) -> list[CustomerResult]:
        """Those who entered in the span; the others are counted as left out."""
        if self.report.left_out is None:
            return results
        kept = [one for one in results if self._entered.holds(one.summary.began_ms)]
        self.report.left_out += len(results) - len(kept)
        return kept

    def run(self) -> Report:
        """The figures of all customers."""
        for _ in self.customers():
            pass
        return self.report

    def _count(self, result: CustomerResult) -> None:
        self.report.figures.add(result)
        by = self.report.by
        if by is None or result.value is None:
            return
        value = result.value if result.value in by or len(by) < MAX_VALUES else OTHER
        if value not in by:
            by[value] = ReplayFigures(self.definition)
        by[value].add(result)


def unique(columns: Columns, events: Sequence[Event]) -> Sequence[Event]:
    """The events without repeated ids: of two with the same id the first counts.

    A browser's and a server's are both there: which of them counts is a question of each journey.
    """
    if len({event[1] for event in events}) == len(events):
        return events
    first: dict[tuple[str, bool], Event] = {}
    for event in events:
        first.setdefault((event[1], columns.is_browser(event[2])), event)
    return list(first.values())


def _counting(entries: Sequence[tuple[Entry, str | None]]) -> list[tuple[Entry, str | None]]:
    """The entries in order, without a browser's version where a server's is there."""
    left = {entry.id for entry in counting(entry for entry, _ in entries)}
    return sorted(pair for pair in entries if pair[0].id in left)


def replay(definition: Definition, columns: Columns, now_ms: int | None = None) -> Report:
    """The figures of a journey over all events of the columns."""
    return Replay(definition, columns, now_ms).run()


def columns_of(definitions: Iterable[Definition], touches: Iterable[Any], also: Iterable[paths.Path] = ()) -> Columns:
    """Touches in columns, for folding with these definitions."""
    columns = Columns(definitions, also)
    for touch in touches:
        columns.add(touch)
    return columns
