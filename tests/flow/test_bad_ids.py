"""Ids that nobody should send: counted, reported and bounded; never a merge of strangers, never a crash."""

import pytest

from schemas.routed import Ruling
from schemas.topics import ROUTED
from tests.flow.harness import WEB, Worker, World, crash_at, run_through
from tests.touchpoints import START_MS, touchpoint
from tests.virtual_time import run
from tracker.identity.kinds import MAX_ALIASES, strongest
from tracker.identity.ties import MAX_PATH, read, root
from tracker.planning.message import encode_routed
from tracker.records.state import decode

NO_IDS = [
    None,
    "",
    " ",
    "null",
    "NULL",
    "0",
    0,
    "-1",
    -1,
    "anonymous",
    "undefined",
    "a\0b",
    "\0",
    "\u200f",
    "\u202e \u200b",
]
MANY = 10_000


def see(world: World, event_id: str, value: bytes | None = None, **ids: str | int | None) -> None:
    """A touchpoint under some ids."""
    value = value or touchpoint("", at_ms=START_MS, event_id=event_id, ids=ids)
    world.produce(WEB, value, to=strongest(ids) or 0, at_ms=START_MS)


def rule(world: World, one: str, other: str, *, linked: bool = True) -> None:
    for name, peer in ((one, other), (other, one)):
        world.produce(ROUTED, encode_routed(Ruling(name, peer, world.now_ms, linked)), to=name)


def settled(world: World, *, batch: int = 100) -> World:
    world.turn(1_000)
    run(run_through(world, crash_at(), batch=batch))
    assert world.figures() == world.contributions()
    return world


def customers(world: World) -> dict[str, str]:
    """By name, whom it belongs to."""
    return {name: root(name, read(decode(record).ties)) for name, record in world.states().items()}


@pytest.mark.parametrize("bad", NO_IDS, ids=repr)
@pytest.mark.parametrize("kind", ["customer_id", "email_sha256"])
def test_what_is_no_id_merges_nobody(kind: str, bad: str | int | None) -> None:
    """Two strangers who share it stay two; one who has nothing else is a rejection with the reason."""
    world = World()
    see(world, "e1", anonymous_id="ann", **{kind: bad})
    see(world, "e2", anonymous_id="bob", **{kind: bad})
    see(world, "e3", **{kind: bad})
    settled(world)
    assert customers(world) == {name: name for name in ("anonymous_id:ann", "anonymous_id:bob")}
    assert [one.reason for one in world.rejections()] == ["no_id"]


@pytest.mark.parametrize("kind", ["customer_id", "anonymous_id", "email_sha256"])
def test_an_id_of_10_kb_is_set_aside(kind: str) -> None:
    """Whole touchpoints: half of their ids would make other people of them."""
    world = World()
    value = touchpoint("", event_id="e1", ids={"customer_id": "c1"} | {kind: "x" * 10_000})
    see(world, "e1", value, customer_id="c1")
    settled(world)
    assert (world.states(), [one.reason for one in world.rejections()]) == ({}, ["id_too_long"])


@pytest.mark.parametrize("value", [b'"\\ud800"', b'"\xff"', b"true", b"1.5", b"[1]", b'{"a":1}'], ids=repr)
def test_a_value_that_is_no_text_is_set_aside(value: bytes) -> None:
    """Half a character, another type: a rejection, with the touchpoint's bytes."""
    world = World()
    wire = touchpoint("", event_id="e1", ids={"customer_id": "HERE"}).replace(b'"HERE"', value)
    see(world, "e1", wire)
    settled(world)
    [rejected] = world.rejections()
    assert (world.states(), rejected.value) == ({}, wire)


def test_marks_that_cannot_be_seen_make_another_id() -> None:
    """Ids compare as exact strings: who looks the same is not the same, but in form NFC they are."""
    world = World()
    for number, name in enumerate(["c1", "c\u200f1", "\u202ec1", "c1\u200b", "c\u00e9", "ce\u0301"]):
        see(world, f"e{number}", customer_id=name)
    settled(world)
    assert set(world.states()) == {"c1", "c\u200f1", "\u202ec1", "c1\u200b", "c\u00e9"}


def test_an_id_claimed_by_two_customers_stays_with_the_first() -> None:
    """Counted once and published once, however often it is claimed."""
    world = World()
    for number, name in enumerate(["c1", "c2", "c2", "c2"]):
        see(world, f"e{number}", customer_id=name, email_sha256="shared")
    worker = Worker(world)
    world.turn(1_000)
    run(owned(worker))
    assert customers(world)["email_sha256:shared"] == "c1"
    conflicts = [one for one in world.transitions() if one.kind == "conflict"]
    assert [(one.alias, one.other) for one in conflicts] == [("email_sha256:shared", "c2")]
    assert world.figures() == world.contributions()


async def owned(worker: Worker) -> None:
    await worker.own()
    await worker.stop()


def test_aliases_in_a_circle_are_one_customer() -> None:
    """By touchpoints and by rulings, both ways round; then the circle is cut open, and it is a line."""
    world = World(4)
    see(world, "e1", anonymous_id="a", email_sha256="b")
    see(world, "e2", email_sha256="b", phone_sha256="c")
    see(world, "e3", phone_sha256="c", anonymous_id="a")
    names = ["anonymous_id:a", "email_sha256:b", "phone_sha256:c"]
    for one, other in [(0, 1), (1, 0), (1, 2), (2, 0), (0, 2)]:
        rule(world, names[one], names[other])
    assert customers(settled(world)) == dict.fromkeys(names, names[0])
    rule(world, names[0], names[1], linked=False)
    assert customers(settled(world)) == dict.fromkeys(names, names[0])
    rule(world, names[0], names[2], linked=False)
    assert customers(settled(world)) == {names[0]: names[0], names[1]: names[1], names[2]: names[1]}


def test_an_identity_of_10_000_aliases_is_bounded() -> None:
    """The first hundred belong to it; the others are counted, and stay themselves."""
    world = World(4)
    for number in range(MANY):
        value = touchpoint("", at_ms=START_MS + number, event_id=f"e{number}", ids=ids(number))
        world.produce(WEB, value, to="c1", at_ms=START_MS)
        see(world, f"own{number}", anonymous_id=f"a{number}")
    settled(world, batch=1_000)
    found = customers(world)
    assert sum(customer == "c1" for customer in found.values()) == 1 + MAX_ALIASES
    assert {name for name, customer in found.items() if customer == "c1"} >= {f"anonymous_id:a{n}" for n in range(100)}
    assert len(found) == 1 + MANY
    assert len(read(decode(world.states()["c1"]).ties).edges) == MAX_ALIASES


def ids(number: int) -> dict[str, str]:
    return {"customer_id": "c1", "anonymous_id": f"a{number}"}


def test_an_alias_of_10_000_customers_is_bounded() -> None:
    """A shared device belongs to its first; what it remembers of the others has an end."""
    world = World(4)
    for number in range(MANY):
        value = touchpoint("", at_ms=START_MS + number, event_id=f"e{number}",
                           ids={"customer_id": f"c{number}", "anonymous_id": "kiosk"})  # fmt: skip
        world.produce(WEB, value, to=f"c{number}", at_ms=START_MS)
    settled(world, batch=1_000)
    ties = read(decode(world.states()["anonymous_id:kiosk"]).ties)
    assert root("anonymous_id:kiosk", ties) == "c0"
    assert len(ties.edges) == MAX_ALIASES
    assert len(ties.refused) == MAX_ALIASES - 1
    assert len(world.states()) == 1 + MANY


def test_a_chain_of_aliases_has_an_end() -> None:
    """A machine that changes its ids one after the other: who is too far away stands alone; all come to rest."""
    world, length = World(4), 120
    for number in range(length):
        see(world, f"e{number}", anonymous_id=f"a{number:03}", email_sha256=f"e{number:03}")
        see(world, f"f{number}", anonymous_id=f"a{number + 1:03}", email_sha256=f"e{number:03}")
    settled(world)
    ties = [read(decode(record).ties) for record in world.states().values()]
    assert max(len(one.offered.path) for one in ties if one.offered) <= MAX_PATH
