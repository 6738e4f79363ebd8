import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.routed import RoutedTouchpoint
from schemas.topics import REJECTED, ROUTED, TRANSITIONS
from schemas.touchpoint import Touchpoint
from tests.flow.harness import WEB, World, definition
from tests.touchpoints import DAY_MS, START_MS, Record, residents, touchpoint
from tracker.engine.customer import CustomerFold
from tracker.planning.plan import PartitionBatch
from tracker.planning.planner import Planner

NOW_MS = START_MS + 1_000
HERE, STRANGER = residents(0, 2, 1)[0], residents(1, 2, 1)[0]


@pytest.fixture
def planner() -> Planner:
    return Planner(CustomerFold([definition()]), partitions=2)


def batch(*values: bytes | None, topic: str = WEB) -> PartitionBatch:
    return PartitionBatch(topic, 0, [Record(10 + place, value, b"key") for place, value in enumerate(values)])


def test_a_batch_knows_where_it_ends() -> None:
    """The next offset is one after the last record, whatever gaps lie between; the newest stamp may be any record's."""
    gaps = PartitionBatch(WEB, 0, [Record(3, b"", timestamp=9), Record(70, b"", timestamp=5)])
    assert (gaps.next_offset, gaps.newest_ms) == (71, 9)


def test_touches_are_grouped_by_customer_in_order(planner: Planner) -> None:
    """Each customer is folded once a batch, with the touches as they arrived."""
    times = [START_MS + 5, START_MS, START_MS + 9]
    reading = planner.read(0, [batch(*(touchpoint(HERE, at_ms=at_ms) for at_ms in times))], NOW_MS)
    assert [touch.at_ms for touch in reading.touches[HERE]] == times
    assert reading.counts == {"read": 3}


def test_slices_change_nothing(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of more customers than a slice has pauses, and comes to what it comes to without."""
    names = residents(0, 2, 1_500)
    values = [touchpoint(name, at_ms=START_MS + visit) for visit in range(2) for name in names]
    work = planner.reading(0, [batch(*values, b"{")], NOW_MS)
    assert list(work) == [None, None, None, None]
    reading = planner.read(0, [batch(*values, b"{")], NOW_MS)
    nobody = dict.fromkeys(names)
    assert list(planner.planning(reading, nobody, NOW_MS)) == [None, None]
    sliced = planner.plan(planner.read(0, [batch(*values, b"{")], NOW_MS), nobody, NOW_MS)
    monkeypatch.setattr("tracker.planning.planner.slices", lambda items, _size=0: [items])
    assert planner.plan(planner.read(0, [batch(*values, b"{")], NOW_MS), nobody, NOW_MS) == sliced
    assert len(sliced.states) == 1_500


def test_a_stranger_is_sent_home_with_the_original_bytes(planner: Planner) -> None:
    """Nothing is decoded and encoded again on the way, and the first reception goes along."""
    value = touchpoint(STRANGER)
    reading = planner.read(0, [batch(value)], NOW_MS)
    [message] = reading.messages
    assert (message.topic, message.partition, message.key) == (ROUTED, 1, STRANGER.encode())
    assert msgspec.msgpack.decode(message.value, type=RoutedTouchpoint) == RoutedTouchpoint(value, START_MS)
    assert not reading.touches
    assert reading.counts["routed"] == 1


def test_a_routed_touchpoint_is_unpacked(planner: Planner) -> None:
    """What comes by `journey.routed` is folded like any other."""
    packed = msgspec.msgpack.encode(RoutedTouchpoint(touchpoint(HERE), START_MS))
    reading = planner.read(0, [batch(packed, topic=ROUTED)], NOW_MS)
    assert len(reading.touches[HERE]) == 1


def test_a_rejection_can_be_driven_again(planner: Planner) -> None:
    """It holds the bytes, the key, the place and the moment, and is published beside the batch's partition."""
    plan = planner.plan(planner.read(0, [batch(b"\xff{")], NOW_MS), {}, NOW_MS)
    [message] = plan.messages
    rejection = msgspec.json.decode(message.value)
    assert (message.topic, message.partition, message.key) == (REJECTED, 0, b"key")
    assert msgspec.json.decode(b'"' + rejection["value"].encode() + b'"', type=bytes) == b"\xff{"
    assert rejection["place"] == {"topic": WEB, "partition": 0, "offset": 10}
    assert (rejection["reason"], rejection["rejected_at_ms"]) == ("not_json", NOW_MS)
    assert (plan.counts["rejected"], plan.counts["rejected:not_json"]) == (1, 1)


def test_a_rejection_fits_into_a_brokers_record(planner: Planner) -> None:
    """However big the record was: one that no broker takes would hold up the partition for ever."""
    [message] = planner.read(0, [batch(b"x" * 10_000_000)], NOW_MS).messages
    assert 900_000 < len(message.value) < 1_000_000
    assert "are kept here" in msgspec.json.decode(message.value)["detail"]


def test_a_plan_is_all_that_changes(planner: Planner) -> None:
    """New state, differences of figures, a timer, a transition in the customer's name."""
    reading = planner.read(0, [batch(touchpoint(HERE), touchpoint(HERE))], NOW_MS)
    plan = planner.plan(reading, {HERE: None}, NOW_MS)
    assert list(plan.states) == [HERE]
    assert plan.aggregates["retail|current|seen|waiting"] == 1
    assert START_MS + DAY_MS < plan.timers[HERE] <= START_MS + 2 * DAY_MS
    assert [(message.topic, message.partition, message.key) for message in plan.messages] == [
        (TRANSITIONS, 0, HERE.encode())
    ]
    assert (plan.counts["applied"], plan.counts["duplicate"]) == (1, 1)


def test_a_repeat_changes_no_state(planner: Planner) -> None:
    """What was applied before leaves nothing to write but the offset."""
    first = planner.plan(planner.read(0, [batch(touchpoint(HERE))], NOW_MS), {HERE: None}, NOW_MS)
    again = planner.plan(planner.read(0, [batch(touchpoint(HERE))], NOW_MS), dict(first.states), NOW_MS)
    assert (again.states, again.aggregates, again.messages) == ({}, {}, [])


def test_a_sweep_sets_timers_for_those_who_need_one(planner: Planner) -> None:
    """Dropped customers, and names without a state, need none; those looked at too early need another."""
    first = planner.plan(planner.read(0, [batch(touchpoint(HERE))], NOW_MS), {HERE: None}, NOW_MS)
    early = planner.sweep(0, {**first.states, "gone": None}, first.timers[HERE])
    assert early.timers == {HERE: START_MS + 2 * DAY_MS + 1}
    due = planner.sweep(0, early.states, early.timers[HERE])
    assert (due.timers, due.aggregates["retail|dropoffs|seen"]) == ({}, 1)


def test_a_timer_is_always_ahead(planner: Planner) -> None:
    """No sweep finds the same customer due again at the same moment: it would go on for ever."""
    record = planner.plan(planner.read(0, [batch(touchpoint(HERE))], NOW_MS), {HERE: None}, NOW_MS).states[HERE]
    for now_ms in range(START_MS, START_MS + 4 * DAY_MS, DAY_MS // 8):
        assert all(due_ms > now_ms for due_ms in planner.sweep(0, {HERE: record}, now_ms).timers.values())


moments = (
    st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from(["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
odd = st.fixed_dictionaries(
    {"event_id": st.text(max_size=130), "type": st.sampled_from(["Page Viewed", ""]) | st.text(max_size=5),
     "channel": st.sampled_from(["web", "shop"]) | anything, "occurred_at": moments | anything,
     "ids": st.dictionaries(st.sampled_from(["customer_id", "anonymous_id"]), st.text(max_size=5) | anything)},
    optional={"sent_at": moments | anything, "received_at": moments | anything, "properties": anything,
              "context": st.fixed_dictionaries({}, optional={"customer_type": anything}) | anything,
              "schema": anything},
)  # fmt: skip
good = st.fixed_dictionaries(
    {"event_id": st.text(min_size=1, max_size=9), "type": st.just("Page Viewed"), "channel": st.just("web"),
     "occurred_at": moments, "ids": st.fixed_dictionaries({"customer_id": st.text(max_size=9)})},
    optional={"sent_at": moments, "received_at": moments},
)  # fmt: skip


@given(st.lists(good | odd, min_size=1, max_size=6), st.integers(-1, 2**62), st.integers(0, 2**45))
def test_no_message_stops_a_partition(wires, stamp, now_ms) -> None:
    """Whatever producers write, and whatever their clocks say, a plan comes out, and every record is in it."""
    world = World(partitions=1)
    values = [msgspec.json.encode(wire) for wire in wires]
    records = [Record(place, value, timestamp=stamp) for place, value in enumerate(values)]
    planner = Planner(world.journeys, 1)
    reading = planner.read(0, [PartitionBatch(WEB, 0, records)], now_ms)
    plan = planner.plan(reading, dict.fromkeys(reading.touches), now_ms)
    assert plan.counts["applied"] + plan.counts["duplicate"] + plan.counts["rejected"] == len(wires)
    planner.sweep(0, plan.states, now_ms + DAY_MS)


def test_the_harness_speaks_the_wire_format() -> None:
    """The touchpoints of these tests are touchpoints."""
    assert msgspec.json.decode(touchpoint("ann"), type=Touchpoint).type == "Page Viewed"
