"""A record of definitions, or a marker, that somebody has damaged by hand, on a real Redis."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from streams.definitions import apply as applying
from streams.definitions.apply import JourneyFile, apply, change, compare, read_record
from streams.definitions.keeper import OTHERS_S, RecordKeeper
from streams.definitions.record import DamagedRecord, DefinitionRecord, Revision, record_key
from streams.definitions.served import read_markers, read_served
from streams.errors import ExitCode, Mismatch, UsageError
from streams.stores.keys import keys
from streams.stores.store import Unavailable
from streams.worker.follower import Follower
from tests.stored import SHOP, definition
from tracker.engine.customer import CustomerFold
from tracker.journey.versions import digest

pytestmark = pytest.mark.integration
THIRD = SHOP.replace("version: 2", "version: 3").replace("drops_after: 14d", "drops_after: 7d")
WITH_FIRMS = THIRD + "accounts: {rule: furthest, journey: firms}\n"


@pytest.fixture
def client(empty_redis: str) -> Iterator[Any]:
    with Redis.from_url(empty_redis) as client:
        yield client


def given(text: str = SHOP) -> JourneyFile:
    return JourneyFile("shop.yaml", text, definition(text))


NO_HASH = "no hash"
"""Instead of a field: the key is of another type."""


def damaged(client: Any, field: str, value: str | None) -> None:
    if field == NO_HASH:
        client.set(record_key(), "x")
    elif value is None:
        client.hdel(record_key(), field)
    else:
        client.hset(record_key(), field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("revision", "abc"),
        ("revision", "9"),
        ("revision", None),
        ("revision 1", None),
        ("revision 1", '{"number":1,'),
        ("revision 1", '{"number":2,"at_ms":0,"by":"","journeys":{}}'),
        ("revision x", '{"number":1,"at_ms":0,"by":"","journeys":{}}'),
        (NO_HASH, None),
    ],
)
def test_a_damaged_record_is_one_line_with_a_remedy(client, field: str, value: str | None):
    """Reading it and applying to it say what is wrong and what to do; neither goes on for ever."""
    apply(client, [given()], "start")
    damaged(client, field, value)
    for attempt in (lambda: read_record(client), lambda: apply(client, [given(THIRD)], "apply")):
        with pytest.raises(DamagedRecord, match="is damaged: ") as found:
            attempt()
        assert found.value.exit_code == ExitCode.MISMATCH
        assert found.value.remedy.startswith("Delete it, `DEL tracker:definitions`")


@pytest.mark.parametrize("value", [None, "no JSON", "{}"])
def test_a_lost_text_comes_back_with_its_file(client, value: str | None):
    """The remedy works: applying the very file again stores its text, and any other file is refused until then."""
    apply(client, [given()], "start")
    damaged(client, f"definition {digest(definition())}", value)
    with pytest.raises(Mismatch, match="lacks the text"):
        apply(client, [given(THIRD)], "apply")
    [outcome] = apply(client, [given()], "apply")
    assert outcome.decision.verdict == "wording"
    record = read_record(client)
    assert record.current(record.newest) == (definition(),)
    assert compare(record, [given()])[0].decision.verdict == "same"


def test_a_damaged_text_that_nobody_needs_stops_nobody(client):
    """The current definitions are read as ever."""
    apply(client, [given()], "start")
    apply(client, [given(THIRD)], "apply")
    damaged(client, f"definition {digest(definition())}", "no JSON")
    record = read_record(client)
    fold = record.fold(record.newest, None)
    assert fold.definitions == (definition(THIRD),)


@pytest.mark.parametrize(
    ("field", "value"), [("revision", "abc"), ("revision", "77"), ("revision", None), (NO_HASH, None)]
)
def test_a_running_worker_writes_a_damaged_record_again(client, tmp_path: Path, field: str, value: str | None):
    """What it knows becomes a newer revision, once, and it goes on."""
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    follower = Follower(lambda: client, lambda: [file], Made)

    async def run() -> tuple[int, int]:
        await follower.start()
        damaged(client, field, value)
        await follower.refresh()
        first = follower.revision
        await follower.refresh()
        return first, follower.revision

    first, second = asyncio.run(run())
    record = read_record(client)
    assert first == second == record.newest.number > 1
    assert record.newest.by == "restore" and record.current(record.newest) == (definition(),)


def test_a_lost_record_is_first_left_to_those_who_know_more(client):
    """A process that knows less than a marker says waits, and writes what it knows only when nobody else has."""
    apply(client, [given()], "start")
    seconds = [0.0]
    keeper = RecordKeeper(lambda: client, monotonic_s=lambda: seconds[0])
    keeper.refresh()
    client.delete(record_key())
    for seconds[0] in (0.0, OTHERS_S - 0.1):
        with pytest.raises(Unavailable, match="waiting for a worker"):
            keeper.refresh(2)
    assert not client.exists(record_key())
    seconds[0] = OTHERS_S
    assert keeper.refresh(2) and keeper.record.newest.by == "restore" and keeper.record.newest.number > 2


class Made:
    """Stands in for a planner."""

    def __init__(self, record: DefinitionRecord, revision: Revision) -> None:
        self.journeys: CustomerFold = record.fold(revision, None)


@pytest.mark.parametrize("value", ["abc", "-4", ""])
def test_a_marker_that_is_no_number_counts_as_none(client, value: str):
    """Its owner follows the record again, and until then the figures are those of the newest revision."""
    apply(client, [given()], "start")
    client.hset(keys(0).definitions, mapping={"revision": value, "left": value, "looked": value})
    [marker] = read_markers(client, 1)
    assert (marker.revision, marker.left, marker.looked) == (0, 0, 0)
    served = read_served(client, 1)
    assert served is not None and served.definitions == (definition(),)


def test_accounts_change_with_their_people(client):
    """A journey of accounts is as outdated, and was changed at the same moment, as the journey of its people."""
    apply(client, [given()], "start", wall_s=lambda: 1.0)
    apply(client, [given(WITH_FIRMS)], "apply", wall_s=lambda: 2.0)
    client.hset(keys(0).definitions, mapping={"revision": 2, "left": 5, "looked": 1})
    served = read_served(client, 1)
    assert served is not None
    assert served.outdated == {"shop": 5, "firms": 5} and served.changed_s == {"shop": 2.0, "firms": 2.0}


def test_a_name_that_accounts_have_is_refused_beforehand(client):
    """Looking beforehand says of a file what applying it says."""
    apply(client, [given(WITH_FIRMS)], "start")
    other = SHOP.replace("journey: shop", "journey: firms")
    with pytest.raises(UsageError, match="is named 'firms', as another journey is"):
        compare(read_record(client), [given(other)])


def test_what_a_person_requires_holds_at_the_change(client, monkeypatch):
    """Where somebody else applies a higher version in between, the files are looked at again, and none is applied."""
    apply(client, [given()], "start")
    fourth = THIRD.replace("version: 3", "version: 4")

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(applying, "change", change)
        apply(client, [given(fourth)], "apply")
        return change(*arguments)

    def newest_only(outcomes: Any) -> None:
        if any(each.decision.verdict == "older" for each in outcomes):
            raise UsageError("older", "")

    monkeypatch.setattr(applying, "change", late)
    new = SHOP.replace("journey: shop", "journey: other")
    with pytest.raises(UsageError, match="older"):
        apply(client, [given(THIRD), given(new)], "apply", require=newest_only)
    assert list(read_record(client).newest.journeys) == ["shop"]
