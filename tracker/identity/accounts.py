"""Accounts: the journey of a company, derived from its people's by the rule in the journey file.

For each stage the account has one moment: when as many of its people had reached it as the rule asks. The account is
quiet when all of its people are. A message about a person replaces the one before it, so the account is always a fold
of the whole set of its people. `tracker/identity/membership.py` sends those messages.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

import msgspec

from schemas.routed import Enrolled, Member, Trace
from schemas.transition import Transition, Why
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import Engine
from tracker.engine.fold import FIRST, LAST, attributions, begin
from tracker.engine.instances import InstanceFold
from tracker.engine.transitions import Before, ProgressView, view
from tracker.identity.membership import AccountLinks, AccountMember, ActiveSpan, merge, shortest_ms
from tracker.journey.definition import Definition, Funnel, Segment
from tracker.journey.fields import MAX_MEMBERS
from tracker.records.log import NO_RULE
from tracker.records.state import FIRST_VALUE, OTHER, Instance, Journey, Progress, Record, encode
from tracker.touch import Touch

_NOT_BEGUN: Final = Before(-1, is_dropped=False, exited=None, recovered=None, completed=False)


def with_accounts(definitions: Iterable[Definition]) -> tuple[Definition, ...]:
    """The definitions, each followed by the journey of accounts that is derived from it."""
    every: list[Definition] = []
    for one in definitions:
        every.append(one)
        if one.accounts is not None and one.of_people is None:
            every.append(_derived(one, one.accounts.journey))
    return tuple(every)


def _derived(people: Definition, name: str) -> Definition:
    # An account never returns to a stage, because it has only one moment for each. Exclusions and answers are left out,
    # because they are facts of single touchpoints, which stay with the person.
    return replace(
        people,
        journey=name,
        title=f"{people.title} (accounts)" if people.title else None,
        order="forward",
        funnel=Funnel(people.funnel.mode, people.funnel.window_ms, people.funnel.step_windows_ms),
        feedback=(),
        examples=(),
        of_people=people.journey,
    )


@dataclass(slots=True)
class GatheredNews:
    """The results of a batch's messages about people."""

    messages: list[Enrolled] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    refused: int = 0
    """People beyond the largest number that counts."""


class AccountFold:
    """Folds the journeys of accounts."""

    def __init__(self, journeys: CustomerFold) -> None:
        self._journeys = journeys
        self._instance_folds = {one.definition.of_people: one for one in journeys.instance_folds if one.is_derived}

    def gather(
        self, name: str, record: Record, account_links: AccountLinks, news: Sequence[Member], now_ms: int
    ) -> GatheredNews:
        """Apply messages about an account's people; the record and the links are changed in place."""
        gathered, latest = GatheredNews(), dict[str, str]()
        for message in news:
            if message.journey in self._instance_folds:
                _note(account_links, message, gathered)
                latest[message.journey] = message.member
        for people, member in latest.items():
            instance_fold, members = self._instance_folds[people], account_links.members.get(people, {})
            changes = self._refold(name, instance_fold, record, list(members.values()), now_ms)
            gathered.transitions += [
                msgspec.structs.replace(one, why=Why(member=member)) if one.kind != "dropped" else one
                for one in changes
            ]
        return gathered

    def _refold(
        self, name: str, instance_fold: InstanceFold, record: Record, members: Sequence[AccountMember], now_ms: int
    ) -> list[Transition]:
        """Fold the account's journey again from all of its people; returns the transitions."""
        journey = next((one for one in record.journeys if one.name == instance_fold.definition.journey), None)
        if journey is None:
            journey = Journey(
                instance_fold.definition.journey, instance_fold.definition.version, instance_fold.engine.layout_id, []
            )
            record.journeys.append(journey)
        self._journeys.modernise(instance_fold, journey)
        was = journey.instances[0] if journey.instances else None
        progress = fold(instance_fold.engine, [one.trace for one in members])
        if progress is None:
            record.journeys.remove(journey)
            return []
        # An account has no log; a changed definition migrates the base (`tracker/engine/migration.py`).
        instance = Instance(None, progress, base=encode(progress), corrections=was.corrections if was else 0)
        journey.instances = [instance]
        if was is None:
            return _transitions(name, instance_fold, None, _NOT_BEGUN, instance, now_ms)
        deadline_ms = instance_fold.engine.deadline_ms(was.progress) if was.progress.is_dropped else None
        progress.is_dropped = deadline_ms is not None and instance_fold.engine.deadline_ms(progress) == deadline_ms
        return _transitions(
            name, instance_fold, view(was.progress), instance_fold.teller.before(was.progress), instance, now_ms
        )


def _note(account_links: AccountLinks, message: Member, gathered: GatheredNews) -> None:
    """Note one person's message among the members; of more than MAX_MEMBERS the earliest stay."""
    members = account_links.members.setdefault(message.journey, {})
    if message.trace is None:
        members.pop(message.member, None)
        if not members:
            del account_links.members[message.journey]
        return
    if message.member not in members:
        gathered.messages.append(Enrolled(message.member, message.name, message.journey))
    members[message.member] = AccountMember(message.since_ms, message.trace)
    if len(members) > MAX_MEMBERS:
        del members[max(members, key=lambda one: (members[one].since_ms, one))]
        gathered.refused += 1


def fold(engine: Engine, people: Sequence[Trace]) -> Progress | None:
    """The progress of an account with these people; None where no touchpoint has come.

    The order of people does not matter, and the same people always give the same progress.
    """
    spans = merge((span for one in people for span in one.spans), shortest_ms(engine))
    ends = ((at_ms, len(engine.limits), 0) for span in spans for at_ms in span)
    points = sorted({*landmarks(engine, people), *ends})
    progress: Progress | None = None
    starts = [start for start, _ in spans]
    before_ms = 0
    for at_ms, group in groupby(points, lambda point: point[0]):
        if progress is None:
            progress = begin(engine.definition, at_ms)
        elif _span_of(spans, starts, at_ms)[0] <= before_ms:
            # Nobody was quiet for long within a span, although its single touchpoints are not known here. Without this
            # the fold would see a gap and report a drop-off.
            progress.last = at_ms - progress.zero_ms
        bits = [one for _, _, one in group]
        for place, stage in engine.counted(progress, at_ms, bits):
            engine.step(progress, at_ms, bits[place], b"", stage)
        before_ms = at_ms
    if progress is not None:
        progress.segments = _segments(engine.definition, people)
    return progress


def _span_of(spans: Sequence[ActiveSpan], starts: Sequence[int], at_ms: int) -> ActiveSpan:
    """The span that contains a moment, or the moment alone where none does."""
    place = bisect_right(starts, at_ms) - 1
    return spans[place] if place >= 0 and at_ms <= spans[place][1] else (at_ms, at_ms)


def landmarks(engine: Engine, people: Sequence[Trace]) -> Iterable[tuple[int, int, int]]:
    """When the account reached each stage, and when it left: the moment (ms), its place in the order, and its bit."""
    definition = engine.definition
    asked = definition.accounts.people if definition.accounts is not None else 1
    times = [[one.reached[stage.name] for one in people if stage.name in one.reached] for stage in definition.stages]
    times.append([one.exited_ms for one in people if one.exited_ms is not None])
    for place, moments in enumerate(times):
        if len(moments) >= asked:
            yield sorted(moments)[asked - 1], place, 1 << place


def _segments(definition: Definition, people: Sequence[Trace]) -> list[int]:
    """The value of each segment: that of the person who began first, or was seen last, among those who have one."""
    codes = []
    for segment, attribution in zip(definition.segments, attributions(definition), strict=True):
        stage = definition.stages[attribution].name if attribution not in (FIRST, LAST) else None
        having = [one for one in people if segment.name in one.segments and one.spans]
        if attribution == LAST:
            best = max(having, key=lambda one: (one.spans[-1][1], one.segments[segment.name]), default=None)
        else:
            best = min(having, key=lambda one: _rank(one, stage, segment), default=None)
        value = best.segments[segment.name] if best is not None else None
        known = segment.values.index(value) + FIRST_VALUE if value in segment.values else OTHER
        codes.append(0 if value is None else known)
    return codes


def _rank(one: Trace, stage: str | None, segment: Segment) -> tuple[int, str]:
    return one.reached.get(stage, 1 << 62) if stage is not None else one.spans[0][0], one.segments[segment.name]


def _transitions(
    name: str, instance_fold: InstanceFold, was: ProgressView | None, before: Before, instance: Instance, now_ms: int
) -> list[Transition]:
    """The transitions since the last report.

    News that follows all that was reported becomes ordinary transitions. News that changes the past becomes one
    correction.
    """
    progress = instance.progress
    now = view(progress)
    if was is not None and was._replace(segments=()) == now._replace(segments=()):
        return []
    if was is None or _follows(was, now):
        at_ms = progress.zero_ms + (progress.since if progress.stage != before.stage else progress.last)
        touch = Touch(name, at_ms, "", "", "", {}, {})
        transitions = instance_fold.teller.step(name, None, before, progress, touch, NO_RULE)
    else:
        transitions = [instance_fold.teller.regrouped(name, None, was, progress, now_ms)]
    instance.corrections += sum(one.kind == "corrected" for one in transitions)
    return transitions


def _follows(was: ProgressView, now: ProgressView) -> bool:
    """Whether everything that was reported before still holds."""
    kept = all(then in (None, at) for then, at in zip(was.firsts, now.firsts, strict=True))
    came = [at for then, at in zip(was.firsts, now.firsts, strict=True) if then is None and at is not None]
    newest_ms = max((at for at in was.firsts if at is not None), default=0)
    in_order = all(at >= newest_ms for at in came) and now.stage >= was.stage
    return kept and in_order and was.exited_ms in (None, now.exited_ms) and was.gaps <= now.gaps
