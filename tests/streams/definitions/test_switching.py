"""Builds and switches in the record of a real Redis."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from redis import Redis

from schemas.topics import ROUTED
from streams.definitions.apply import change, read_record
from streams.definitions.builds import (
    FIRST,
    Turn,
    builds_of,
    group_of,
    plain,
    prefix_of,
    routed_of,
    topic_of,
    turn,
)  # fmt: skip
from streams.definitions.reader import served_prefix
from streams.definitions.record import Revision, Shadow, StoredDefinition, read_newest
from streams.definitions.served import read_served
from streams.definitions.switching import (
    Standstill,
    alive_key,
    announced,
    call_off_if_left,
    changed_places,
    keep_alive,
    read_standstill,
    written,
)  # fmt: skip
from streams.stores.keys import keys
from tests.stored import SHOP
from tests.streams.definitions.test_apply import THIRD, given, verdicts
from tracker.journey.versions import digest

pytestmark = pytest.mark.integration
SHADOWED = Revision(1, 0, "shadow", {"shop": "old"}, FIRST, Shadow("b1", {"shop": "new"}))


@pytest.fixture
def client(empty_redis: str) -> Iterator[Any]:
    with Redis.from_url(empty_redis) as client:
        yield client


def test_builds_have_names_of_their_own():
    """The first has the plain ones; only the topic of routed messages has another name in Kafka than in a process."""
    assert (prefix_of(FIRST), group_of("g", FIRST), routed_of(FIRST)) == ("tracker", "g", ROUTED)
    assert (prefix_of("b7"), group_of("g", "b7"), routed_of("b7")) == ("tracker.b7", "g-b7", "journey.routed.b7")
    for build in (FIRST, "b7"):
        for topic in (ROUTED, "touchpoints.web"):
            assert plain(topic_of(topic, build), build) == topic


def test_what_a_build_may_do_follows_from_the_revision():
    """One speaks; while they switch, each knows the other; a build that is not named is silent."""
    assert turn(SHADOWED, FIRST) == Turn(1, speaks=True)
    assert turn(SHADOWED, "b1") == Turn(1, speaks=False)
    switching = msgspec.structs.replace(SHADOWED, switching=True)
    assert turn(switching, FIRST) == Turn(1, speaks=True, partner="b1")
    assert turn(switching, "b1").comes and turn(switching, "b1").partner == FIRST
    assert turn(switching, "b9") == Turn(1, speaks=False)


def test_builds_change_places(client):
    """What was served is the shadow then, with its definitions; readers find the other keys."""
    assert change(client, 0, SHADOWED, {})
    asked = announced(client, SHADOWED)
    assert asked.switching and read_newest(client) == asked
    done = changed_places(client, asked)
    assert read_newest(client) == done
    assert (done.build, done.journeys, done.shadow) == ("b1", {"shop": "new"}, Shadow(FIRST, {"shop": "old"}))
    assert builds_of(done) == ("b1", FIRST)
    assert served_prefix(client) == "tracker.b1"
    assert changed_places(client, asked) is None


def test_a_switch_without_a_command_is_called_off(client):
    """As long as the command says that it runs, nobody calls it off; then one does, and the command cannot go on."""
    change(client, 0, SHADOWED, {})
    asked = announced(client, SHADOWED)
    keep_alive(client)
    assert not call_off_if_left(client, asked)
    client.delete(alive_key())
    assert call_off_if_left(client, asked)
    newest = read_newest(client)
    assert (newest.switching, newest.build, newest.by) == (False, FIRST, "called off")
    assert changed_places(client, asked) is None
    assert not call_off_if_left(client, newest)


def test_a_standstill_counts_for_its_revision_alone():
    """What an earlier switch left behind is nothing to a later one."""
    here = Standstill(3, {"touchpoints.web": 7}, 5, met=True)
    assert read_standstill(written(here), 3) == here
    assert read_standstill(written(here), 4) is None
    assert read_standstill(None, 3) is None


def beside(client: Any, text: str) -> None:
    """A shadow of this file beside what is current."""
    newest = read_newest(client)
    number = newest.number + 1
    shadow = {**newest.journeys, "shop": digest_of(text)}
    revision = Revision(number, 0, "shadow", newest.journeys, FIRST, Shadow("b2", shadow))
    assert change(client, newest.number, revision, stored_of(text))


def digest_of(text: str) -> str:
    return digest(given(text).definition)


def stored_of(text: str) -> dict[str, Any]:
    one = given(text).definition
    return {digest_of(text): StoredDefinition(one.journey, one.version, text, "shop.yaml", 0)}


def test_the_shadows_own_file_changes_nothing(client):
    """Workers that are started with it leave the shadow what it is; other journeys change in both builds."""
    other = SHOP.replace("journey: shop", "journey: other")
    verdicts(client, SHOP, other)
    beside(client, THIRD)
    verdicts(client, THIRD)
    record = read_record(client)
    assert [one.version for one in record.current(record.newest) if one.journey == "shop"] == [2]
    verdicts(client, other.replace("version: 2", "version: 3").replace("drops_after: 14d", "drops_after: 7d"))
    record = read_record(client)
    for build in (FIRST, "b2"):
        assert {one.journey: one.version for one in record.current(record.newest, build)}["other"] == 3
    assert {one.journey: one.version for one in record.current(record.newest, "b2")}["shop"] == 3


def test_figures_are_served_by_the_build_that_is_served(client):
    """Before a switch the first one's definitions, with the shadow beside; from the switch on the other's."""
    verdicts(client, SHOP)
    beside(client, THIRD)
    newest = read_newest(client)
    for build in (FIRST, "b2"):
        client.hset(keys(0, prefix_of(build)).definitions, mapping={"revision": newest.number, "left": 0})
    found = read_served(client, 1)
    assert (found.build, [one.version for one in found.definitions]) == (FIRST, [2])
    assert (found.shadow.build, [one.version for one in found.shadow.definitions]) == ("b2", [3])
    changed_places(client, announced(client, newest))
    found = read_served(client, 1)
    assert (found.build, [one.version for one in found.definitions]) == ("b2", [3])
