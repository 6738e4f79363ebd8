"""What an erased name leaves at its home, and the messages to its peers."""

import msgspec

from schemas.routed import Adopted, Erase, Forget, Routed, RoutedTouchpoint, Ruling, Tie
from schemas.topics import ROUTED
from tests.flow.harness import WEB, definition
from tests.touchpoints import START_MS, Record, touchpoint
from tracker.engine.customer import CustomerFold
from tracker.identity.erasure import Erasure
from tracker.planning.message import encode_routed
from tracker.planning.plan import PartitionBatch, Plan
from tracker.planning.planner import Planner

NOW_MS = START_MS + 1_000
JOURNEYS = CustomerFold([definition()])
SEEN = touchpoint("", ids={"customer_id": "c1", "anonymous_id": "a1"})
ANN = "anonymous_id:a1"


def applied(planner: Planner, states: dict[str, bytes], *batches: tuple[str, bytes], suppressed: set[bytes]) -> Plan:
    """The plan of records (topic, value) in one go."""
    made = [PartitionBatch(topic, 0, [Record(place, value)]) for place, (topic, value) in enumerate(batches)]
    reading = planner.read(0, made, NOW_MS, suppressed=suppressed)
    plan = planner.plan(reading, {name: states.get(name) for name in reading.names()}, NOW_MS)
    states |= plan.states
    for name in plan.removed:
        del states[name]
    suppressed |= set(plan.suppressed)
    return plan


def messages(plan: Plan) -> list[Routed]:
    return [msgspec.msgpack.decode(one.value, type=Routed) for one in plan.messages if one.topic == ROUTED]


def test_a_digest_tells_nothing_without_its_salt() -> None:
    """Two salts have nothing in common, and one salt knows its own entries."""
    one, other = Erasure(JOURNEYS, "salt"), Erasure(JOURNEYS, "pepper")
    assert one.digest("c1") == Erasure(JOURNEYS, "salt").digest("c1") != other.digest("c1")
    assert b"c1" not in one.digest("c1")
    assert one.is_own(set())
    assert one.is_own(one.entries("c1"))
    assert not one.is_own(other.entries("c1"))


def test_what_is_erased_counts_no_more_and_stays_out() -> None:
    """The record goes with its figures; its own touchpoints, sent again, are counted and dropped."""
    planner, states, suppressed = Planner(JOURNEYS, 1, salt="salt"), {}, set()
    first = applied(planner, states, (WEB, SEEN), suppressed=suppressed)
    plan = applied(planner, states, (ROUTED, encode_routed(Erase("c1", NOW_MS))), suppressed=suppressed)
    assert (plan.removed, states) == (["c1"], {})
    assert plan.aggregates == {field: -count for field, count in first.aggregates.items()}
    assert messages(plan) == [Forget(ANN, "c1")]
    transitions = [msgspec.json.decode(one.value) for one in plan.messages if one.topic != ROUTED]
    assert [(one["kind"], one["customer"], one["alias"]) for one in transitions] == [("erased", "c1", "c1")]
    again = applied(planner, states, (WEB, SEEN), suppressed=suppressed)
    assert (states, again.aggregates, again.messages, again.counts["suppressed"]) == ({}, {}, [], 1)


def test_a_batch_that_brings_both_leaves_nothing() -> None:
    """Touchpoints before and after the word in one batch are dropped with it."""
    planner, states, suppressed = Planner(JOURNEYS, 1), {}, set()
    erase = (ROUTED, encode_routed(Erase("c1", NOW_MS)))
    plan = applied(planner, states, (WEB, SEEN), erase, (WEB, SEEN), suppressed=suppressed)
    assert (states, plan.aggregates, plan.removed, plan.counts["suppressed"]) == ({}, {}, [], 2)
    assert len(suppressed) == 2


def test_who_speaks_of_an_erased_name_is_asked_to_forget_it() -> None:
    """Ties, rulings and adopted history; a touchpoint on its way is dropped."""
    planner, states, suppressed = Planner(JOURNEYS, 1), {}, set()
    said = [
        Erase("c1", 1),
        Tie("c1", ANN, 1, "e"),
        Ruling("c1", "anonymous_id:a2", 1, linked=True),
        Adopted("c1", "c9"),
    ]
    said.append(RoutedTouchpoint(SEEN, 1, "c1", ANN))
    plan = applied(planner, states, *((ROUTED, encode_routed(one)) for one in said), suppressed=suppressed)
    assert messages(plan) == [Forget(ANN, "c1"), Forget("anonymous_id:a2", "c1"), Forget("c9", "c1")]
    assert plan.counts["suppressed"] == 1
