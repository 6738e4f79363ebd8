"""Reading `journey.routed`: every byte string becomes a message that can be applied, or a flaw with a reason."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from schemas.rejection import Rejection
from schemas.routed import (
    Adopted,
    Clearance,
    Enrolled,
    Erase,
    Forget,
    History,
    Member,
    Offer,
    Release,
    Routed,
    RoutedTouchpoint,
    Ruling,
    Tie,
    Trace,
)  # fmt: skip
from schemas.topics import REJECTED, ROUTED
from tests.flow.harness import JOURNEY, definition
from tests.touchpoints import START_MS, Record, residents, touchpoint
from tracker.engine.customer import CustomerFold
from tracker.home import home
from tracker.identity.accounts import with_accounts
from tracker.identity.trust import NEVER_MS
from tracker.planning.message import _encode_newer, encode_routed
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner
from tracker.planning.routed import read_routed
from tracker.records.state import VERSION, Instance, Journey, Progress, decode, encode
from tracker.records.state import Record as State
from tracker.touch import Touch

NOW_MS = START_MS + 1_000
NAME, PEER = residents(0, 2, 2)
TRACE = Trace({"seen": START_MS}, None, ((START_MS, START_MS),), {})


def folds(text: str = JOURNEY) -> CustomerFold:
    return CustomerFold(with_accounts([definition(text)]))


def state(text: str = JOURNEY) -> bytes:
    """A customer who was seen once."""
    touch = Touch(NAME, START_MS, "Page Viewed", "web", "e1", {}, {})
    return folds(text).fold(NAME, None, [touch], NOW_MS).after


def changed(**fields: Any) -> bytes:
    """The same customer with something of the instance that no worker would have written."""
    record = decode(state())
    [journey] = record.journeys
    journey.instances = [msgspec.structs.replace(journey.instances[0], **fields)]
    return encode(record)


def history(record: bytes) -> bytes:
    return encode_routed(History(NAME, f"anonymous_id:{PEER}", record))


GOOD: Sequence[Routed] = (
    RoutedTouchpoint(touchpoint(NAME), START_MS),
    RoutedTouchpoint(touchpoint(PEER), START_MS, NAME, f"anonymous_id:{PEER}"),
    Tie(NAME, PEER, START_MS, "e1", Offer((PEER,))),
    Tie(NAME, PEER, NEVER_MS, ""),
    Ruling(NAME, PEER, START_MS, linked=False),
    Clearance(NAME, START_MS, is_cleared=True),
    History(NAME, NAME, state()),
    Release(NAME, PEER),
    Adopted(NAME, PEER),
    Erase(NAME, START_MS),
    Forget(NAME, PEER),
    Member(NAME, PEER, "retail", START_MS, TRACE),
    Member(NAME, PEER, "retail"),
    Enrolled(NAME, "account_id:a", "retail"),
)
DAMAGED = {
    "nothing": None,
    "empty": b"",
    "no msgpack": b"\xc1",
    "cut off": encode_routed(GOOD[2])[:-3],
    "a tail": encode_routed(GOOD[2]) + b"\0",
    "no UTF-8": encode_routed(Release(NAME, "peer")).replace(b"peer", b"pee\xff"),
    "too deep": b"\x91" * 10_000,
    "a list of four billion": b"\xdd\xff\xff\xff\xff",
    "a number": b"\x07",
    "no kind": msgspec.msgpack.encode({"name": NAME}),
    "a field too few": msgspec.msgpack.encode({"kind": "tie", "name": NAME}),
    "a wrong type": msgspec.msgpack.encode({"kind": "erase", "name": 7, "at_ms": 1}),
    "another family": msgspec.msgpack.encode({"kind": "erase", "name": NAME, "at_ms": 1, "schema": "touchpoint/1"}),
    "nobody": encode_routed(Erase("", 1)),
    "a name of 400 bytes": encode_routed(Release(NAME, "é" * 200)),
    "a path of nobody": encode_routed(Tie(NAME, PEER, 1, "e", Offer(()))),
    "a path too long": encode_routed(Tie(NAME, PEER, 1, "e", Offer((PEER,) * 13))),
    "an offer of no time": encode_routed(Tie(NAME, PEER, 1, "e", Offer((PEER, "b"), (-1, "e", PEER, "b")))),
    "tied to itself": encode_routed(Tie(NAME, NAME, 1, "e")),
    "seen before 1970": encode_routed(Tie(NAME, PEER, -1, "e")),
    "ruled after all calendars": encode_routed(Ruling(NAME, PEER, 1 << 50, linked=True)),
    "cleared after all calendars": encode_routed(Clearance(NAME, 1 << 50, is_cleared=True)),
    "an event id of 129": encode_routed(Tie(NAME, PEER, 1, "e" * 129)),
    "reached before 1970": encode_routed(Member(NAME, PEER, "retail", 1, Trace({"seen": -5}, None, (), {}))),
    "a span beyond": encode_routed(Member(NAME, PEER, "retail", 1, Trace({}, 1 << 60, ((1, 1 << 60),), {}))),
    "history: nothing": history(b""),
    "history: no msgpack": history(b"\xc1"),
    "history: cut off": history(state()[:-2]),
    "history: version 0": history(encode(State(0, []))),
    "history: half an entry": history(changed(log=b"\0" * 7)),
    "history: a base that is none": history(changed(base=b"\xc1")),
    "history: a base of no stages": history(changed(base=encode(Progress(START_MS, first=[5] * 99)))),
    "history: half an answer": history(changed(feedback=(1, 2))),
    "history: a stage that is none": history(changed(progress=Progress(START_MS, stage=77, furthest=77))),
    "history: a progress of no stages": history(changed(progress=Progress(START_MS, stage=0, first=[]))),
    "history: account links that are none": history(encode(State(VERSION, [], account_links=b"\xc1"))),
}  # fmt: skip
NEWER = {
    "another kind": msgspec.msgpack.encode({"kind": "moved", "name": NAME}),
    "another schema": msgspec.msgpack.encode({"kind": "erase", "name": NAME, "at_ms": 1, "schema": "routed/2"}),
    "another schema and form": msgspec.msgpack.encode({"kind": "erase", "names": [NAME], "schema": "routed/2"}),
    "history: another state": history(encode(State(VERSION + 1, []))),
    "history: another state and form": history(msgspec.msgpack.encode([VERSION + 1, "what is this"])),
    "history: another definition": history(state(JOURNEY.replace("name: cart", "name: basket"))),
}  # fmt: skip


def read(*values: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()):
    """A batch of `journey.routed` through the planner: its plan, and what was rejected."""
    planner = Planner(folds(), 2)
    records = [Record(number, value, b"key", headers=headers) for number, value in enumerate(values)]
    reading = planner.read(0, [PartitionBatch(ROUTED, 0, records)], NOW_MS)
    plan = planner.plan(reading, dict.fromkeys(reading.names()), NOW_MS)
    rejected = [msgspec.json.decode(one.value, type=Rejection) for one in plan.messages if one.topic == REJECTED]
    return plan, rejected


@pytest.mark.parametrize("message", GOOD, ids=lambda one: type(one).__name__)
def test_what_workers_write_is_read(message: Routed) -> None:
    """Every kind of message comes back as it was sent, and is applied."""
    assert read_routed(encode_routed(message), NOW_MS) == message
    assert read(encode_routed(message))[1] == []


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_message_is_set_aside(value: bytes | None) -> None:
    """It is rejected with its bytes and counted; the records around it are applied."""
    plan, [rejection] = read(encode_routed(GOOD[0]), value, encode_routed(GOOD[1]))
    assert (rejection.reason, rejection.value, rejection.place.offset) == ("not_routed", value, 1)
    assert 0 < len(rejection.detail) < 1_000
    assert (plan.counts["rejected"], plan.counts["rejected:not_routed"], plan.counts["applied"]) == (1, 1, 2)


@pytest.mark.parametrize("value", NEWER.values(), ids=NEWER)
def test_what_a_newer_worker_wrote_waits_for_one(value: bytes) -> None:
    """It is kept whole under a reason of its own, so that it can be sent again; the records around it are applied."""
    plan, [rejection] = read(encode_routed(GOOD[0]), value, encode_routed(GOOD[1]))
    assert (rejection.reason, rejection.value, rejection.key) == ("newer_version", value, b"key")
    assert (plan.counts["rejected:newer_version"], plan.counts["applied"]) == (1, 2)


def test_a_minor_version_is_welcome() -> None:
    """A worker that is ahead by a field is understood."""
    value = msgspec.msgpack.encode({"kind": "erase", "name": NAME, "at_ms": 1, "schema": "routed/1.3", "novelty": 1})
    assert read_routed(value, NOW_MS) == Erase(NAME, 1, schema="routed/1.3")


def test_a_bare_touchpoint_is_taken_for_one() -> None:
    """JSON in this topic is a touchpoint, or has the reason of one that cannot be read."""
    assert read(touchpoint(NAME))[0].counts["applied"] == 1
    assert read(b'{"event_id": 5')[1][0].reason == "not_json"


@pytest.mark.parametrize(
    "headers",
    [
        [("partition", None), ("epoch", b"5"), ("sequence", b"5")],
        [("partition", b"0"), ("epoch", b"9" * 5_000), ("sequence", b"5")],
        [("partition", b"0"), ("epoch", b"5"), ("sequence", b"%d" % (1 << 48))],
        [("partition", b"-1"), ("epoch", b"5"), ("sequence", b"5")],
        [("partition", b"\xff"), ("epoch", b"5"), ("sequence", b"1_0")],
        [("partition", b"0"), ("epoch", b""), ("sequence", b"5")],
    ],
)
def test_headers_of_anybody_are_no_mark(headers) -> None:
    """Headers without a value, or that say no number of a worker's, stop nothing and are remembered nowhere."""
    planner = Planner(folds(), 2)
    records = [Record(1, encode_routed(GOOD[0]), b"key", headers=headers)]
    reading = planner.read(0, [PartitionBatch(ROUTED, 0, records)], NOW_MS)
    assert (list(reading.touches), reading.marks) == ([NAME], {})


def test_a_rejected_message_is_no_repeat() -> None:
    """Its mark counts like that of one that was applied: published again, it is rejected once."""
    headers = [("partition", b"1"), ("epoch", b"5"), ("sequence", b"7")]
    plan, rejected = read(DAMAGED["no kind"], DAMAGED["no kind"], headers=headers)
    assert (len(rejected), plan.counts["repeats"]) == (1, 1)


def test_a_set_aside_history_is_merged_when_it_is_sent_again() -> None:
    """The bytes of the rejection are those of the message, so a worker that knows them takes them in."""
    old, new = folds(), folds(JOURNEY.replace("name: cart", "name: basket"))
    value = NEWER["history: another definition"]
    _, [rejection] = read(value)
    planner = Planner(new, 2)
    reading = planner.read(0, [PartitionBatch(ROUTED, 0, [Record(0, rejection.value, rejection.key)])], NOW_MS)
    plan = planner.plan(reading, dict.fromkeys(reading.names()), NOW_MS)
    assert plan.aggregates["retail|current|seen|waiting"] == 1
    assert old.instance_folds[0].engine.layout_id != new.instance_folds[0].engine.layout_id


def test_a_journey_without_instances_is_merged() -> None:
    """A history may hold journeys that nobody declared any more, and journeys with nothing in them."""
    layout = folds().instance_folds[0].engine.layout_id
    record = encode(
        State(VERSION, [Journey("gone", 1, 5, [Instance(None, Progress(1))]), Journey("retail", 1, layout, [])])
    )
    assert read(history(record))[1] == []


def test_a_version_is_written_only_where_it_is_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that writes another one says so in each message, and an older program sees it."""
    assert b"schema" not in encode_routed(Erase(NAME, 1))
    monkeypatch.setattr("tracker.planning.message.SCHEMA", "routed/2")
    newer = _encode_newer(Erase(NAME, 1))
    assert msgspec.msgpack.decode(newer)["schema"] == "routed/2"
    assert read_routed(newer, NOW_MS).reason == "newer_version"
    monkeypatch.setattr("tracker.planning.routed.READS", ("routed/1", "routed/2"))
    assert read_routed(newer, NOW_MS) == Erase(NAME, 1, schema="routed/2")


def test_a_message_without_a_mark_may_be_late() -> None:
    """Of what replaces an earlier message only the edge is believed; the sender is asked for the rest."""
    alias = next(name for number in range(99) if not home(name := f"anonymous_id:a{number}", 2))
    plan, _ = read(encode_routed(Tie(alias, PEER, START_MS, "e1", Offer((PEER,)))))
    sent = [read_routed(message.value, NOW_MS) for message in plan.messages]
    assert [(one.name, one.at_ms) for one in sent] == [(PEER, START_MS), (PEER, NEVER_MS)]
