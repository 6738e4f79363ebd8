"""The laws of accounts: whatever comes first, an account has come as far as the whole set of its people says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.routed import Erase
from schemas.topics import ROUTED
from tests.flow.harness import SHOP, SUPPORT, WEB, World, crash_at, run_through
from tests.laws.arrivals import Arrival, crashes, names, outcome, rule_on, touchpoints
from tests.people import Seen, people
from tests.touchpoints import DAY_MS
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.figures.fields import parse
from tracker.journey.definition import Definition, Rule
from tracker.planning.message import encode_routed
from tracker.records.state import Progress, decode
from tracker.replay.replay import columns_of, replay
from tracker.touch import Touch

PARTITIONS = 4
EXAMPLES = max(20, settings().max_examples // 20)
JOURNEY = """
journey: deal
stages:
  - {name: seen, touchpoints: [{channel: web, type: Page Viewed}], drops_after: 20h}
  - {name: pilot, touchpoints: [{channel: web, type: Pilot Started}], drops_after: 12h}
  - {name: bought, touchpoints: [{channel: shop, type: Contract Signed}], goal: true, drops_after: 30h}
exits: [{channel: support, type: Deal Lost}]
accounts: """
RULES = ["{rule: furthest}", "{rule: quorum, people: 2}", "{rule: role, role: buyer, from: context.role}"]
KINDS = [(WEB, "Page Viewed"), (WEB, "Pilot Started"), (SHOP, "Contract Signed"), (SUPPORT, "Deal Lost"), (WEB, "Help")]
POOLS = {"customer_id": ("c1", "c2", "c3"), "anonymous_id": ("a1", "a2"), "email_sha256": ("e1",)}
ACCOUNTS = ("x", "y")


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    """Up to two ids, mostly an account's too, and a role."""
    ids = draw(names(POOLS, 0, 2))
    if not ids or draw(st.booleans()):
        ids["account_id"] = draw(st.sampled_from(ACCOUNTS))
    return {"ids": ids, "context": {"role": draw(st.sampled_from(["buyer", "user"]))}}


streams = touchpoints(KINDS, fields())
rules = st.sampled_from(RULES)
pairs = st.permutations(["c1", "c2", "anonymous_id:a1", "anonymous_id:a2"]).map(lambda names: frozenset(names[:2]))


def world_of(
    rule: str, stream: Sequence[Arrival], batch: int, points: Sequence[tuple[int, int]], hours: int = 96
) -> World:
    """The world so many hours later, when workers have read the stream in batches and died at these points."""
    return run(outcome(World(PARTITIONS, JOURNEY + rule), stream, batch, points, hours))


def counted(world: CustomerFold, record: bytes) -> dict[str, int]:
    """What a record adds to the figures of accounts, without what arrival order alone decides."""
    total = world.contribution(record).items()
    return {one: count for one, count in total if one.startswith("deal_accounts|") and "|corrections" not in one}


def found(world: World) -> dict[str, dict[str, int]]:
    """What every account adds to the figures."""
    every = {name: counted(world.journeys, record) for name, record in world.states().items()}
    return {name: total for name, total in every.items() if total}


def expected(
    world: World, stream: Sequence[Arrival], cut: Sequence[frozenset[str]] = (), linked: Sequence[Seen] = ()
) -> dict[str, dict[str, int]]:
    """The same, of all touchpoints at once: each person folded, each account's moments looked up among its people."""
    touches = {arrival.touch.event_id: arrival.touch for arrival in stream}.values()
    seen = [Seen(one.at_ms, one.event_id, one.customer, link) for one in touches for link in one.links]
    who = people([*seen, *linked], cut)
    persons: dict[str, list[Touch]] = {}
    for one in touches:
        persons.setdefault(who.get(one.customer, one.customer), []).append(one)
    rule = world.journeys.definitions[0].accounts
    reference = CustomerFold([plain(world.journeys.definitions[1])], horizon_ms=None)
    totals = {}
    for account in {one.account for one in touches} - {None}:
        members = [
            theirs
            for theirs in persons.values()
            if any(one.account == account and rule.role in (None, one.context["role"]) for one in theirs)
        ]
        entries = moments(world, members, rule.people)
        total = counted(reference, reference.fold(account, None, entries, world.now_ms).after)
        totals |= {account: total} if total else {}
    return totals


def plain(accounts: Definition) -> Definition:
    """The journey of accounts as one whose stages have a touchpoint of their own name each."""
    stages = tuple(replace(one, touchpoints=(Rule(type=one.name),)) for one in accounts.stages)
    return replace(accounts, stages=stages, exits=(Rule(type="left"),), of_people=None, accounts=None)


def moments(world: World, members: Sequence[Sequence[Touch]], asked: int) -> list[Touch]:
    """What the account sees: the moment of each stage, and that somebody was there at each touchpoint."""
    progress = [progress_of(world, theirs) for theirs in members]
    reached = {
        stage.name: [one.zero_ms + at for one in progress if (at := one.first[place]) is not None]
        for place, stage in enumerate(world.journeys.definitions[0].stages)
    }
    reached["left"] = [one.zero_ms + one.exited for one in progress if one.exited is not None]
    entries = [made(name, sorted(times)[asked - 1]) for name, times in reached.items() if len(times) >= asked]
    return entries + [made("there", one.at_ms, one.event_id) for theirs in members for one in theirs]


def made(name: str, at_ms: int, event_id: str = "") -> Touch:
    return Touch("", at_ms, name, "", event_id or name, {}, {})


def progress_of(world: World, touches: Sequence[Touch]) -> Progress:
    """One person's progress."""
    return decode(world.journeys.fold("", None, touches, world.now_ms).after).journeys[0].instances[0].progress


@settings(max_examples=EXAMPLES)
@given(rules, streams, st.integers(1, 6), crashes())
def test_accounts_follow_from_their_people(
    rule: str, stream: list[Arrival], batch: int, points: list[tuple[int, int]]
) -> None:
    """Any order, any batches, any crashes: accounts are where the whole set of touchpoints and the clock put them."""
    world = world_of(rule, stream, batch, points, hours=70)
    assert found(world) == expected(world, stream)
    world.turn(2 * DAY_MS)
    run(run_through(world, crash_at(), batch=batch))
    assert found(world) == expected(world, stream)
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(rules, streams)
def test_a_replay_counts_the_same_accounts(rule: str, stream: list[Arrival]) -> None:
    """What the live tracker found arriving is what a replay finds in the whole set."""
    world = world_of(rule, stream, 5, [])
    columns = columns_of(world.journeys.definitions[:1], (one.touch for one in stream))
    report = replay(world.journeys.definitions[0], columns, world.now_ms).as_json()["accounts"]
    live: Counter[tuple[str, str]] = Counter()
    for field, count in world.figures().items():
        one = parse(field)
        if one.journey == report["journey"] and one.segment is None:
            live[one.figure, one.status if one.status == "dropped" else one.stage or ""] += count
    assert report["accounts"] == live["cohort", ""]
    assert sum(stage["dropped"] for stage in report["stages"]) == live["current", "dropped"]
    assert [stage["reached"] for stage in report["stages"]] == [
        live["reached", one["stage"]] for one in report["stages"]
    ]


@settings(max_examples=EXAMPLES)
@given(rules, streams, pairs, st.integers(1, 6), crashes())
def test_people_take_their_accounts_along(
    rule: str, stream: list[Arrival], pair: frozenset[str], batch: int, points: list[tuple[int, int]]
) -> None:
    """A person who is divided in two leaves the accounts that the other was seen with; one made whole is in all."""
    world = world_of(rule, stream, batch, [])
    rule_on(world, [sorted(pair)], linked=False)
    run(run_through(world, crash_at(*points), batch=batch))
    assert found(world) == expected(world, stream, [pair])
    rule_on(world, [sorted(pair)], linked=True)
    run(run_through(world, crash_at(), batch=batch))
    assert found(world) == expected(world, stream, linked=[Seen(world.now_ms, "", *sorted(pair))])
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(rules, streams, pairs, st.sets(st.integers(0, PARTITIONS - 1), min_size=1), crashes())
def test_a_rebuild_ends_in_the_same_accounts(
    rule: str, stream: list[Arrival], pair: frozenset[str], lost: set[int], points: list[tuple[int, int]]
) -> None:
    """Redis loses some partitions or all; `journey.routed` still holds the messages to accounts."""
    world = world_of(rule, stream, 3, [])
    rule_on(world, [sorted(pair)], linked=False)
    run(run_through(world, crash_at()))
    before = found(world)
    for partition in lost:
        del world.store.partitions[partition]
    world.turn(1_000)
    run(run_through(world, crash_at(*points)))
    assert found(world) == before
    assert world.figures() == world.contributions()


@settings(max_examples=EXAMPLES)
@given(rules, streams, st.sampled_from(["c1", "c2", "c3"]), crashes())
def test_the_erased_count_no_more(rule: str, stream: list[Arrival], name: str, points: list[tuple[int, int]]) -> None:
    """No account counts an erased person, and figures and records agree."""
    world = world_of(rule, stream, 3, [])
    world.produce(ROUTED, encode_routed(Erase(name, world.now_ms)), to=name)
    run(run_through(world, crash_at(*points)))
    assert not any(name.encode() in record for account, record in world.states().items() if "account_id" in account)
    assert world.figures() == world.contributions()
