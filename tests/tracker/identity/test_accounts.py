from typing import Any

import pytest

from schemas.routed import Enrolled, Member, Trace
from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import Engine
from tracker.engine.people import fold_traces
from tracker.identity.accounts import AccountFold, with_accounts
from tracker.journey.definition import Accounts as Rule
from tracker.journey.definition import Definition, Funnel, Segment
from tracker.journey.fields import MAX_MEMBERS
from tracker.records.account_links import AccountLinks
from tracker.records.state import VERSION, Progress, Record

STAGES = (stage("a", drops_after_ms=DAY_MS), stage("b", drops_after_ms=2 * DAY_MS), stage("c", goal=True))
NAME = "account_id:acme"


def hour(number: float) -> int:
    return START_MS + round(number * HOUR_MS)


def trace(
    *spans: tuple[float, float], out: float | None = None, values: dict[str, str] | None = None, **at: float
) -> Trace:
    """Somebody who came to stages at these hours, and was there from and to others."""
    reached = {name: hour(one) for name, one in at.items()}
    seen = tuple((hour(one), hour(other)) for one, other in spans) or ((min(reached.values()), max(reached.values())),)
    return Trace(reached, None if out is None else hour(out), seen, values or {})


def of(**rule: Any) -> Definition:
    """The journey of accounts by a rule."""
    return with_accounts([journey(*STAGES, accounts=Rule("firms", **rule), segments=rule.pop("segments", ()))])[1]


def folded(*people: Trace, **rule: Any) -> Progress:
    progress = fold_traces(Engine(of(**rule)), people)
    assert progress is not None
    return progress


def reached(progress: Progress) -> dict[str, float]:
    """By stage: at which hour."""
    times = zip("abc", progress.first, strict=True)
    return {name: (progress.zero_ms + at - START_MS) / HOUR_MS for name, at in times if at is not None}


def test_the_journey_of_accounts_has_the_same_stages() -> None:
    """Stages, windows and exits are the people's; it only moves up, and nothing comes into it by itself."""
    people = journey(*STAGES, title="Way", funnel=Funnel("any", DAY_MS), accounts=Rule("firms"))
    both = with_accounts([people])
    assert both[0] is people
    assert (both[1].journey, both[1].of_people, both[1].title) == ("firms", "j", "Way (accounts)")
    assert (both[1].stages, both[1].order, both[1].funnel.window_ms) == (STAGES, "forward", DAY_MS)
    assert CustomerFold(both).fold("c", None, [touch("a")], START_MS).aggregates.keys().isdisjoint({"firms|visits|a"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, {"a": 0, "b": 3, "c": 9}),
        ({"rule": "quorum", "people": 2}, {"a": 1, "b": 5}),
        ({"rule": "quorum", "people": 3}, {"a": 2}),
    ],
)
def test_a_stage_is_reached_when_enough_people_have(rule: dict[str, Any], expected: dict[str, float]) -> None:
    """The n-th of the moments at which people came to a stage is the account's."""
    people = trace(a=2, b=3), trace(a=0, b=5), trace(a=1, c=9)
    assert reached(folded(*people, **rule)) == expected


def test_an_account_is_quiet_when_all_are() -> None:
    """A gap of one is none while another is there; a gap of all is a drop-off and a recovery."""
    busy = trace((0, 10), (80, 90), a=0)
    assert folded(busy).gaps == [1, 0, 0]
    assert folded(busy, trace((5, 60), a=5)).gaps == []
    assert folded(busy, trace((5, 50), a=5)).gaps == [1, 0, 0]


def test_the_gap_counts_in_the_stage_where_it_began() -> None:
    """Two days are allowed in b, one in a."""
    assert folded(trace((0, 1), (40, 41), a=0), trace(b=1)).gaps == []
    assert folded(trace((0, 1), (40, 41), a=0, b=41)).gaps == [1, 0, 0]


def test_exits_count_by_the_rule() -> None:
    """One who left is enough for `furthest`, and not for two."""
    people = trace(a=0, b=1, out=3), trace(a=0, b=2)
    assert folded(*people).exited == 3 * HOUR_MS
    assert folded(*people, rule="quorum", people=2).exited is None


def test_segments_come_from_the_first_or_the_last() -> None:
    """The value is that of whoever began first, came to a stage first or was seen last, and has one."""
    values = ("x", "y", "z")
    segments = tuple(Segment(f"s{way}", ("context", "s"), values, way) for way in ("first", "last", "b"))
    given = [
        trace((0, 50), a=0, values={}),
        trace((1, 2), a=1, b=9, values={"sfirst": "x", "slast": "x", "sb": "x"}),
        trace((2, 30), a=2, b=3, values={"sfirst": "y", "slast": "y", "sb": "odd"}),
    ]
    people = journey(*STAGES, accounts=Rule("firms"), segments=segments)
    progress = fold_traces(Engine(with_accounts([people])[1]), given)
    assert progress is not None
    assert progress.segments == [2, 3, 1]


def test_without_people_there_is_no_journey() -> None:
    """The last one who leaves takes it along."""
    definition = of()
    assert fold_traces(Engine(definition), []) is None
    accounts, record, account_links = AccountFold(CustomerFold([definition])), Record(VERSION, []), AccountLinks()
    accounts.gather(NAME, record, account_links, [news("p1", trace(a=0))], hour(1))
    assert len(record.journeys) == 1
    accounts.gather(NAME, record, account_links, [news("p1", None)], hour(1))
    assert (record.journeys, account_links.members) == ([], {})


def news(person: str, trace: Trace | None, since: float = 0) -> Member:
    return Member(NAME, person, "j", hour(since), trace)


def test_what_happens_is_reported_with_its_person() -> None:
    """News in order becomes transitions as of a customer; news that changes the past is a correction."""
    accounts, record, account_links = AccountFold(CustomerFold([of()])), Record(VERSION, []), AccountLinks()

    def transitions_of(*messages: Member) -> list[tuple[str, str | None, str | None]]:
        gathered = accounts.gather(NAME, record, account_links, messages, hour(99))
        return [(one.kind, one.stage, one.why.member) for one in gathered.transitions]

    assert transitions_of(news("p1", trace(a=5))) == [("entered", "a", "p1")]
    assert transitions_of(news("p2", trace(a=6, c=7))) == [("advanced", "c", "p2"), ("completed", "c", "p2")]
    assert transitions_of(news("p2", trace(a=6, c=7))) == []
    assert transitions_of(news("p3", trace(b=2))) == [("corrected", "c", "p3")]
    assert record.journeys[0].instances[0].corrections == 1


def test_too_many_people_leave_the_earliest() -> None:
    """Of more people than count, those stay who were seen with the account first."""
    accounts, record, account_links = AccountFold(CustomerFold([of()])), Record(VERSION, []), AccountLinks()
    many = [news(f"p{number:04}", trace(a=number), number) for number in range(1, MAX_MEMBERS + 2)]
    gathered = accounts.gather(NAME, record, account_links, many, hour(9))
    assert (len(account_links.members["j"]), gathered.refused) == (MAX_MEMBERS, 1)
    accounts.gather(NAME, record, account_links, [news("first", trace(a=0), 0)], hour(9))
    assert "first" in account_links.members["j"]
    assert f"p{MAX_MEMBERS:04}" not in account_links.members["j"]


def test_who_is_new_is_asked_once() -> None:
    """A person's home hears that it is counted, and may object."""
    accounts, record, account_links = AccountFold(CustomerFold([of()])), Record(VERSION, []), AccountLinks()
    messages = [news("p1", trace(a=0)), news("p1", trace(a=0, b=1)), news("p2", trace(a=0))]
    gathered = accounts.gather(NAME, record, account_links, messages, hour(9))
    assert gathered.messages == [Enrolled("p1", NAME, "j"), Enrolled("p2", NAME, "j")]
