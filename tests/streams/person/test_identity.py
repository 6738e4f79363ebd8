"""Who is who, read from a store that workers have filled."""

import pytest

from schemas.routed import Ruling
from schemas.topics import ROUTED
from streams.cli import identity as command
from streams.errors import ExitCode, TrackerError
from streams.person.identity import conflicts, describe, whole
from streams.person.redis_data import counts, export, timers
from streams.person.show import follow
from streams.stores.keys import day_list, keys
from tests.flow.harness import WEB, World, crash_at, run_through
from tests.stored import Redis
from tests.touchpoints import DAY_MS, HOUR_MS, START_MS, touchpoint
from tests.virtual_time import run
from tracker.identity.kinds import strongest
from tracker.planning.message import encode_routed

PARTITIONS = 4
ANN, EVE, BOB = "anonymous_id:a1", "email_sha256:e1", "anonymous_id:b1"


ACCOUNTS = """
journey: retail
version: 1
stages: [{name: seen, touchpoints: [{channel: web}]}]
accounts: {rule: furthest}
"""


def see(world: World, event_id: str, **ids: str) -> None:
    at_ms = START_MS + len(event_id) * HOUR_MS
    world.produce(WEB, touchpoint("", at_ms=at_ms, event_id=event_id, ids=ids), to=strongest(ids), at_ms=at_ms)


def store_of(world: World) -> Redis:
    """What Redis would hold."""
    client = Redis()
    for partition, held in world.store.partitions.items():
        names = keys(partition)
        for name, record in held.states.items():
            client.hset(names.states, name, record)
        client.zadd(names.timers, held.timers)
        for day, listed in held.days.items():
            client.hset(names.days, str(day), len(listed))
            client.rpush(day_list(names.days, day), *listed)
    return client


@pytest.fixture(scope="module")
def world() -> World:
    """c1 is Ann and Eve; Bob, whom c2 claimed first, was seen with c1 too; Zoe was cut from c1."""
    made = World(PARTITIONS)
    see(made, "1", customer_id="c1", anonymous_id="a1")
    see(made, "22", anonymous_id="a1", email_sha256="e1")
    see(made, "333", customer_id="c2", anonymous_id="b1")
    see(made, "4444", customer_id="c1", anonymous_id="b1")
    see(made, "55555", customer_id="c1", anonymous_id="zoe")
    made.turn(2 * DAY_MS)
    run(run_through(made, crash_at()))
    for name, peer in (("c1", "anonymous_id:zoe"), ("anonymous_id:zoe", "c1")):
        made.produce(ROUTED, encode_routed(Ruling(name, peer, made.now_ms, linked=False)), to=name)
    run(run_through(made, crash_at()))
    return made


@pytest.fixture(scope="module")
def redis(world: World) -> Redis:
    return store_of(world)


@pytest.mark.parametrize("asked", ["c1", ANN, "a1", EVE])
def test_any_name_leads_to_all(redis: Redis, asked: str) -> None:
    """The customer first, then every alias that is tied and not cut, by its own word."""
    found = whole(redis, asked, PARTITIONS)
    assert (found.customer, found.names[0], set(found.names)) == ("c1", "c1", {"c1", ANN, EVE})


def test_ties_conflicts_and_cuts_are_listed(redis: Redis) -> None:
    """What linked each alias and when; who claims what and does not get it; what a person has cut."""
    found = describe(whole(redis, "a1", PARTITIONS))
    ties = {one["alias"]: (one["with"], one["event_id"]) for one in found["aliases"]}
    assert ties == {ANN: ("c1", "1"), EVE: (ANN, "22")}
    [claim] = found["conflicts"]
    assert (claim["alias"], claim["belongs_to"], claim["claimed_by"][0]["event_id"]) == (BOB, "c2", "4444")
    assert [(one["alias"], one["from"]) for one in found["cuts"]] == [("c1", "anonymous_id:zoe")]


def test_conflicts_are_found_wherever_they_stand(redis: Redis) -> None:
    """Every partition is looked through, and every name counted."""
    looked: list[int] = []
    [found] = conflicts(redis, PARTITIONS, looked.append)
    assert (found["alias"], found["belongs_to"]) == (BOB, "c2")
    assert [(one["customer"], one["event_id"]) for one in found["claimed_by"]] == [("c1", "4444")]
    assert sum(looked) == 6


def test_an_alias_shows_its_customer(redis: Redis) -> None:
    """The record is the customer's, and the alias is returned too; for the customer's own name there is none."""
    stored, alias = follow(redis, "e1", PARTITIONS)
    assert (stored.customer, alias) == ("c1", EVE)
    assert follow(redis, "c1", PARTITIONS)[1] is None
    with pytest.raises(TrackerError) as error:
        follow(redis, "nobody at all", PARTITIONS)
    assert error.value.exit_code is ExitCode.NOT_FOUND


def test_everything_held_is_listed(world: World, redis: Redis) -> None:
    """Touchpoints with the alias that they came under, links, timers; all names of the identity."""
    found = {one["name"]: one for one in export(redis, whole(redis, "c1", PARTITIONS), world.journeys)["names"]}
    assert set(found) == {"c1", ANN, EVE}
    came = {one["event_id"]: (one["came_under"], one["stages"]) for one in found["c1"]["touchpoints"]}
    assert came == {"1": (None, ["seen"]), "22": (ANN, ["seen"]), "4444": (None, ["seen"]), "55555": (None, ["seen"])}
    assert found[ANN]["ties"]["belongs_to"] == ["c1", ANN]
    assert found["c1"]["ties"]["holds_history_of"] == [ANN]


def test_accounts_are_listed_too() -> None:
    """With the alias that somebody came under, and since when; an account's own record names its people."""
    made = World(PARTITIONS, ACCOUNTS)
    see(made, "1", customer_id="c1", account_id="acme")
    run(run_through(made, crash_at()))
    redis = store_of(made)
    [found] = export(redis, whole(redis, "c1", PARTITIONS), made.journeys)["names"]
    account = {"account": "account_id:acme", "came_under": "c1", "since": "2026-09-21T15:13:20.000Z", "roles": []}
    assert (found["accounts"], found["people_of_this_account"]) == ([account], [])
    [found] = export(redis, whole(redis, "acme", PARTITIONS), made.journeys)["names"]
    assert (found["accounts"], found["people_of_this_account"]) == ([], ["c1"])


def test_what_is_held_is_counted(world: World, redis: Redis) -> None:
    """As a receipt lists it; a timer is one whether it waits for a moment or for a day."""
    member = whole(redis, "c2", PARTITIONS).members["c2"]
    assert counts(redis, member, world.journeys) | {"bytes": 0} == {
        "journeys": 1, "touchpoints": 1, "links": 1, "timers": len(timers(redis, member)), "bytes": 0,
    }  # fmt: skip
    redis.rpush(day_list(keys(member.stored.partition).days, 77_777), "c2")
    redis.hset(keys(member.stored.partition).days, "77777", 1)
    assert timers(redis, member)[-1] == 77_777 * DAY_MS


def test_names_cannot_paint() -> None:
    """Control characters and marks that turn the writing around are shown, not obeyed."""
    seen = {"seen_at": None, "event_id": None, "trust": None, "ruled_at": None}
    found = {"asked": "c1", "customer": "c1", "aliases": [{"alias": "a\u202eb\033[2J", "with": "c1", **seen}]}
    drawn = command._as_text({**found, "conflicts": [], "cuts": []})
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[2J" in drawn
