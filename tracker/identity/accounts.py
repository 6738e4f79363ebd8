"""Accounts: the journey of a company, derived from its people's by the rule in the journey file.

For each stage the account has one moment: when as many of its people had reached it as the rule asks. The account is
quiet when all of its people are. A message about a person replaces the one before it, so the account is always a fold
of the whole set of its people. `tracker/identity/membership.py` sends those messages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from schemas.routed import Enrolled, Member
from schemas.transition import Transition, Why
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.engine.people import fold_traces
from tracker.engine.transitions import Before, ProgressView, view
from tracker.journey.definition import Definition, Funnel
from tracker.journey.fields import MAX_MEMBERS
from tracker.records.account_links import AccountLinks, AccountMember
from tracker.records.log import NO_RULE
from tracker.records.state import Instance, Journey, Record, encode
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
    # An account never returns to a stage, because it has only one moment for each. Exclusions, answers and what is no
    # activity are left out, because they are facts of single touchpoints, which stay with the person.
    return replace(
        people,
        journey=name,
        title=f"{people.title} (accounts)" if people.title else None,
        order="forward",
        funnel=Funnel(people.funnel.mode, people.funnel.window_ms, people.funnel.step_windows_ms),
        feedback=(),
        not_activity=(),
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
        self._journeys.modernise(record)
        was = journey.instances[0] if journey.instances else None
        progress = fold_traces(instance_fold.engine, [one.trace for one in members])
        if progress is None:
            record.journeys.remove(journey)
            return []
        # An account has no log: it is folded again from its people (`tracker/engine/people.py`).
        cohorts_from = was.cohorts_from if was else self._journeys.cohorts_from(now_ms)
        corrections = was.corrections if was else 0
        instance = Instance(None, progress, base=encode(progress), corrections=corrections, cohorts_from=cohorts_from)
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
