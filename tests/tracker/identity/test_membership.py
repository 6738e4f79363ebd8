"""What a person's home remembers of accounts, and reports to them."""

from typing import Any

from schemas.routed import BROWSER_MS, Adopted, Enrolled, History, Member, Release, Trace
from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch
from tracker.engine.customer import CustomerFold
from tracker.engine.people import merge
from tracker.identity.accounts import with_accounts
from tracker.identity.incoming import Incoming
from tracker.identity.linking import Linking, Relation
from tracker.identity.membership import MAX_ACCOUNTS
from tracker.journey.definition import Accounts as Rule
from tracker.records.account_links import AccountLinks, AliasMark, may_have_accounts, read, write
from tracker.records.state import VERSION, Record, decode, encode
from tracker.touch import Touch

ACME, UMBRA, ANN = "account_id:acme", "account_id:umbra", "anonymous_id:ann"
NOW_MS = START_MS + 400 * DAY_MS


def linking(**rule: Any) -> Linking:
    """One that knows accounts by this rule."""
    people = journey(stage("a", drops_after_ms=DAY_MS), "b", accounts=Rule("firms", **rule))
    return Linking(CustomerFold(with_accounts([people])))


def seen(kind: str, hours: float = 0, account: str | None = ACME, **more: Any) -> Touch:
    """A touch that came with an account's id."""
    made = touch(kind, hours, **more)
    made.account = account
    return made


def batch(
    before: bytes | None, *touches: Touch, name: str = "c1", by: Linking | None = None, **incoming: Any
) -> Relation:
    return (by or LINKING).relate(name, before, list(touches), Incoming(**incoming), NOW_MS)


LINKING = linking()


def members(relation: Relation) -> list[Member]:
    return [message for message in relation.messages if isinstance(message, Member)]


def test_an_account_hears_what_its_people_did() -> None:
    """The whole of the person's journey counts, also before the account's id; without news nothing is reported."""
    first = batch(None, touch("a"), seen("b", 3))
    since_ms, zero_ms = START_MS + 3 * HOUR_MS, START_MS
    trace = Trace({"a": zero_ms, "b": since_ms}, None, ((zero_ms, since_ms),), {})
    assert members(first) == [Member(ACME, "c1", "j", since_ms, trace)]
    again = batch(first.change.after, seen("b", 3))
    assert members(again) == []
    assert again.change.after == first.change.after


def test_who_has_to_do_with_no_account_pays_nothing() -> None:
    """Neither the touch nor the record speaks of one."""
    plain = LINKING.journeys.fold("c1", None, [touch("a")], NOW_MS).after
    assert not LINKING.membership.concerns([touch("b")], plain)
    assert not may_have_accounts(plain)
    assert LINKING.membership.concerns([seen("b")], plain)
    assert LINKING.membership.concerns([touch("b", 1)], batch(plain, seen("b")).change.after)
    assert not Linking(CustomerFold([journey("a")])).membership.concerns([seen("a")], None)


def test_gaps_are_reported_and_outlive_the_log() -> None:
    """A person who came a hundred times and was once quiet is reported as two spans, in the log or folded away."""
    given = [seen("a", number, event_id=f"e{number}") for number in [*range(60), *range(100, 700)]]
    record = None
    for start in range(0, len(given), 10):
        relation = batch(record, *given[start : start + 10])
        record = relation.change.after
    assert decode(record).journeys[0].instances[0].base is not None
    [member] = members(relation)
    assert member.trace is not None
    hours = [((start - START_MS) // HOUR_MS, (end - START_MS) // HOUR_MS) for start, end in member.trace.spans]
    assert hours == [(0, 59), (100, 699)]


def test_only_people_with_the_role_belong() -> None:
    """The role must come with the account's id, in whichever touchpoint."""
    by = linking(rule="role", role="buyer", path=("context", "role"))
    first = batch(None, seen("a", context={"role": "user"}), touch("a", 1, context={"role": "buyer"}), by=by)
    assert members(first) == []
    second = batch(first.change.after, seen("b", 2, context={"role": "buyer"}), by=by)
    assert [(one.name, one.since_ms) for one in members(second)] == [(ACME, START_MS)]


def test_the_earliest_accounts_stay() -> None:
    """Who is seen with too many counts for those that came first, in whatever order."""
    many = [seen("a", number, f"account_id:{number:02}", event_id=str(number)) for number in range(MAX_ACCOUNTS + 5)]
    reported = members(batch(None, *reversed(many)))
    assert [one.name for one in reported] == [f"account_id:{number:02}" for number in range(MAX_ACCOUNTS)]


def test_accounts_that_only_browsers_name_come_last() -> None:
    """However early they say that it was, and in whatever order; a server's word on one of them is enough."""
    junk = [seen("a", number, f"account_id:{number:02}", event_id=str(number)) for number in range(MAX_ACCOUNTS)]
    for one in junk:
        one.is_browser = True
    many = [*junk, seen("a", 100, UMBRA, event_id="u"), seen("a", 101, "account_id:05", event_id="s")]
    for order in (many, many[::-1]):
        reported = members(batch(None, *order))
        assert [one.name for one in reported if one.since_ms < BROWSER_MS] == ["account_id:05", UMBRA]
        assert len(reported) == MAX_ACCOUNTS


def test_a_browser_gives_nobody_a_role_in_an_account_that_a_server_named() -> None:
    """Whichever came first; where only browsers name the account, they say the role too."""
    by = linking(rule="role", role="buyer", path=("context", "role"))
    claim = seen("a", context={"role": "buyer"})
    claim.is_browser = True
    for order in ([claim, seen("b", 2)], [seen("b", 2), claim]):
        assert members(batch(None, *order, by=by)) == []
        assert members(batch(None, order[0], under=[(ANN, order[1])], by=by)) == []
    assert [one.name for one in members(batch(None, claim, by=by))] == [ACME]


def test_an_alias_takes_its_accounts_along() -> None:
    """What came under it says so; without it the person belongs to the account no more."""
    held = batch(None, seen("b", 2, UMBRA), under=[(ANN, seen("a"))]).change.after
    assert sorted(read(decode(held).account_links).reported["j"].since_ms) == [ACME, UMBRA]
    left = batch(held, messages=[Release("c1", ANN)])
    assert [(one.name, one.trace is None) for one in members(left)] == [(ACME, True), (UMBRA, False)]
    [history] = [message for message in left.messages if isinstance(message, History)]
    home = batch(None, name=ANN, messages=[history])
    assert [(one.name, one.member) for one in members(home)] == [(ACME, ANN)]


def test_an_alias_that_bears_on_no_journey_takes_its_accounts_along_too() -> None:
    """Its home is asked whether it is right to hold them, and they go back."""
    by = Linking(CustomerFold(with_accounts([journey("a", accounts=Rule("firms"))])))
    held = batch(None, touch("a"), by=by, under=[(ANN, seen("nothing"))])
    assert Adopted(ANN, "c1") in held.messages
    assert [one.name for one in members(held)] == [ACME]
    left = batch(held.change.after, by=by, messages=[Release("c1", ANN)])
    assert [one.trace for one in members(left)] == [None]
    [history] = [message for message in left.messages if isinstance(message, History)]
    assert read(decode(history.record).account_links).marks == {ANN: {ACME: AliasMark(START_MS)}}


def test_an_account_that_counts_a_stranger_gets_an_answer() -> None:
    """What is right is not answered."""
    known = batch(None, seen("a")).change.after
    assert members(batch(known, messages=[Enrolled("c1", ACME, "j")])) == []
    assert members(batch(known, messages=[Enrolled("c1", UMBRA, "j")])) == [Member(UMBRA, "c1", "j")]


def test_an_account_that_asks_is_answered_in_any_case() -> None:
    """A trace that came late may be older than what it holds, so the account asks instead of taking it."""
    known = batch(None, seen("a"))
    [present] = members(known)
    late = batch(None, name=ACME, late=[present])
    assert late.messages == [Enrolled("c1", ACME, "j", is_question=True)]
    assert members(batch(known.change.after, messages=late.messages)) == [present]


def test_a_standing_is_read_as_it_was_written() -> None:
    """Nothing is written where there is nothing, and the end of the record shows it."""
    account_links = AccountLinks({"c1": {ACME: AliasMark(5, ["context.role=buyer"])}})
    assert read(write(account_links)) == account_links
    assert write(AccountLinks()) == b""
    assert may_have_accounts(encode(Record(VERSION, [], account_links=write(account_links))))
    assert not may_have_accounts(encode(Record(VERSION, [])))


def test_spans_meet_over_gaps_that_are_short_enough() -> None:
    """A gap as long as allowed is none."""
    assert merge([(9, 9), (0, 3), (5, 6), (1, 2)], 2) == ((0, 6), (9, 9))
    assert merge([(9, 9), (0, 3)], None) == ((0, 9),)
