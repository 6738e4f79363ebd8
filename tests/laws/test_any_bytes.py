"""Laws of the door: whatever bytes come, every record is applied or set aside, and nothing raises."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.rejection import Place, Rejection
from schemas.routed import (
    Adopted,
    Enrolled,
    Erase,
    Forget,
    History,
    Member,
    Offer,
    Release,
    RoutedTouchpoint,
    Ruling,
    Tie,
    Trace,
)  # fmt: skip
from schemas.topics import REJECTED, ROUTED
from streams.events.rejected import still_wrong
from tests import poison
from tests.flow.harness import WEB, definition
from tests.touchpoints import DAY_MS, START_MS, Record, touchpoint
from tracker.engine.customer import CustomerFold
from tracker.identity.accounts import with_accounts
from tracker.planning.decode import Flaw, decode
from tracker.planning.message import encode_routed
from tracker.planning.plan import PartitionBatch, Plan
from tracker.planning.planner import Planner
from tracker.planning.routed import RoutedFlaw, read_routed
from tracker.records.state import Instance, Progress
from tracker.records.state import Record as State
from tracker.records.state import encode as encode_state
from tracker.replay.line import reader
from tracker.touch import Touch

MAX_MESSAGE_BYTES = 1 << 20
JOURNEY = """
journey: {name}
version: 1
{key}
stages:
  - {{name: seen, touchpoints: [{{channel: web, type: Page Viewed}}], drops_after: 2d}}
  - {{name: dear, touchpoints: [{{type: Page Viewed, where: {{properties.n: {{gte: 5}}}}}}], drops_after: 1d}}
  - {{name: worded, touchpoints: [{{where: {{properties.n: {{matches: "^a+"}}}}}}], optional: true}}
  - {{name: bought, touchpoints: [{{where: {{properties.n: {{contains: 1}}, context.x: {{in: [1, b]}}}}}}], goal: true}}
funnel: {{mode: {mode}, window: 3d, exclude: [{{type: Left}}]}}
exits: [{{type: Closed}}]
segments:
  kind: {{from: context.x, values: [a, b], attribution: last}}
  size: {{from: properties.n, values: ["1", "2"]}}
{more}
"""
FOLDS = CustomerFold(
    with_accounts(
        definition(JOURNEY.format(name=name, mode=mode, key=key, more=more))
        for name, mode, key, more in (
            ("plain", "sequential", "", "accounts: {rule: furthest, journey: firms}"),
            ("any", "any", "", ""),
            ("strict", "strict", "", ""),
            ("keyed", "sequential", "key: properties.n", ""),
        )
    )
)

names = st.sampled_from(["c1", "c2", "anonymous_id:a1", "anonymous_id:a2", "email_sha256:e", "account_id:acme"])
odd_names = (
    names | st.sampled_from(["", "\0", "customer_id:c1", "canary:1", "é" * 130, "x" * 400]) | st.text(max_size=4)
)
numbers = st.sampled_from([START_MS, START_MS + 5, 0, 1, -1, 1 << 47, 1 << 48, 1 << 62, (1 << 64) - 1, -(1 << 63)])
times = st.integers(START_MS, START_MS + 9 * DAY_MS) | numbers
small = st.integers(-2, 6)
blobs = st.binary(max_size=40)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def wires() -> st.SearchStrategy[bytes]:
    """Touchpoints that a producer might send: good ones, and ones that are odd in a field or two."""
    values = st.fixed_dictionaries({"n": st.sampled_from([1, 2, 9, "aaa", [1], 10**400, None]) | anything})
    good = st.builds(
        touchpoint,
        names,
        st.sampled_from(["Page Viewed", "Left", "Closed", "Other"]),
        times,
        ids=st.dictionaries(
            st.sampled_from(["customer_id", "anonymous_id", "email_sha256", "account_id"]), names, max_size=3
        ),
        event_id=st.sampled_from(["e1", "e2", "e3", "00000000-0000-4000-8000-000000000000", "é" * 128]),
        properties=values | values | anything,
        context=st.fixed_dictionaries({}, optional={"x": st.sampled_from(["a", "b", "c", 1]) | anything}),
    )
    return good | st.sampled_from([*poison.NOT_JSON.values(), *poison.NO_TOUCHPOINT.values(), *poison.WELCOME.values()])


@st.composite
def histories(draw: st.DrawFn) -> bytes:
    """Records as an alias might bring them: made by the fold, then changed in a place or two."""
    touches = [
        Touch("c1", START_MS + number, "Page Viewed", "web", f"h{number}", {"n": draw(st.sampled_from([1, 9]))}, {})
        for number in range(draw(st.integers(0, 3)))
    ]
    record = msgspec.msgpack.decode(FOLDS.fold("c1", None, touches, START_MS).after, type=State)
    for journey in record.journeys:
        journey.layout = draw(st.sampled_from([journey.layout] * 8 + [0, 7]))
        if draw(st.booleans()):
            journey.instances = [draw(_changed(one)) for one in journey.instances]
    record.account_links = draw(st.just(b"") | blobs)
    return encode_state(record)


@st.composite
def _changed(draw: st.DrawFn, instance: Instance) -> Instance:
    """An instance with one field that no fold made: of the form that it should have, or nearly."""
    log = bytearray(instance.log)
    for _ in range(draw(st.integers(1, 3)) if log else 0):
        log[draw(st.integers(0, len(log) - 1))] = draw(st.integers(0, 255))
    choices: dict[str, st.SearchStrategy[Any]] = {
        "progress": _progresses(),
        "log": st.just(bytes(log)) | st.just(bytes(log) * 2) | blobs,
        "base": _progresses().map(encode_state) | blobs,
        "former_ids": st.sampled_from([b"x" * 12, b"x" * 24]) | blobs,
        "base_until_ms": numbers,
        "corrections": numbers,
        "key": st.none() | st.text(max_size=3),
        "feedback": st.lists(small, max_size=6).map(tuple),
    }
    field = draw(st.sampled_from(sorted(choices)))
    return msgspec.structs.replace(instance, **{field: draw(choices[field])})


def _progresses() -> st.SearchStrategy[Progress]:
    offsets = st.none() | st.integers(0, DAY_MS)
    lists = st.lists(offsets, min_size=4, max_size=4) | st.lists(st.none() | times, max_size=5)
    counts = st.lists(small, min_size=4, max_size=4) | st.lists(small | numbers, max_size=5)
    return st.builds(
        Progress, times, last=small | numbers, stage=small, furthest=small, first=lists, visits=counts, spent=counts,
        gaps=st.just([]) | counts, segments=st.lists(small, min_size=2, max_size=2) | st.just([]), chains=lists,
        depth=small, exited=st.none() | numbers, dropped=st.none() | numbers, recovered=st.none() | numbers,
        is_dropped=st.booleans(),
    )  # fmt: skip


def messages() -> st.SearchStrategy[Any]:
    """Every kind of message, with values that fit and values that do not."""
    weights = st.tuples(times, st.text(max_size=5), odd_names, odd_names)
    offers = st.builds(Offer, st.lists(odd_names, max_size=13).map(tuple), st.none() | weights)
    traces = st.builds(
        Trace,
        st.dictionaries(st.sampled_from(["seen", "dear", "gone"]), times, max_size=3),
        st.none() | times,
        st.lists(st.tuples(times, times), max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["kind", "size", "gone"]), st.sampled_from(["a", "1", "zz"]), max_size=2),
    )
    journeys = st.sampled_from(["plain", "firms", "gone"])
    near_weights = st.tuples(st.integers(START_MS, START_MS + 9), st.sampled_from(["", "e1", "e2"]), names, names)
    near_offers = st.builds(Offer, st.lists(names, min_size=1, max_size=4).map(tuple), st.none() | near_weights)
    return st.one_of(
        st.builds(Tie, names, names, times, st.sampled_from(["", "e1", "e2"]), st.none() | near_offers),
        st.builds(RoutedTouchpoint, wires(), st.none() | numbers, st.none() | odd_names, st.none() | odd_names),
        st.builds(Tie, odd_names, odd_names, times, st.text(max_size=4) | st.just("x" * 129), st.none() | offers),
        st.builds(Ruling, odd_names, odd_names, times, st.booleans()),
        st.builds(History, odd_names, odd_names, blobs),
        st.builds(History, names, names, histories()),
        st.builds(History, st.just("c1"), names, histories()),
        st.builds(Release, odd_names, odd_names),
        st.builds(Adopted, odd_names, odd_names),
        st.builds(Erase, odd_names, times),
        st.builds(Forget, odd_names, odd_names),
        st.builds(Member, odd_names, odd_names, journeys, times, st.none() | traces),
        st.builds(Enrolled, odd_names, odd_names, journeys),
    )


@st.composite
def mutations(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with up to four places cut out, doubled, overwritten or filled in."""
    data = bytearray(draw(good))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 6)))
        data[at:end] = draw(st.sampled_from([b"", bytes(data[at:end]) * 2]) | st.binary(max_size=4))
    return bytes(data)


rejections = st.builds(
    Rejection,
    st.sampled_from(["not_json", "not_routed", "newer_version"]),
    st.text(max_size=5),
    st.builds(Place, st.sampled_from([WEB, ROUTED, "x"]), small, numbers),
    numbers,
    st.none() | mutations(wires()) | mutations(messages().map(encode_routed)),
    st.none() | blobs,
    st.none() | numbers,
).map(msgspec.json.encode)
records = st.one_of(
    st.tuples(st.just(WEB), mutations(wires())),
    st.tuples(st.just(ROUTED), messages().map(encode_routed)),
    st.tuples(st.just(ROUTED), mutations(messages().map(encode_routed))),
    st.tuples(st.sampled_from([WEB, ROUTED]), st.none() | st.binary(max_size=60) | rejections),
)
header_names = st.sampled_from(["partition", "epoch", "sequence", "x"])
headers = st.lists(st.tuples(header_names, st.none() | st.sampled_from([b"1", b"x", b"\xff"])), max_size=4)


class Home:
    """One partition that is the home of everybody, with a store of its own and a topic that leads back to it."""

    def __init__(self) -> None:
        self.planner = Planner(FOLDS, 1)
        self.states: dict[str, bytes] = {}
        self.suppressed: set[bytes] = set()

    def apply(self, batches: list[PartitionBatch], now_ms: int) -> Plan:
        """A batch through reading, planning and a sweep of everybody."""
        reading = self.planner.read(0, batches, now_ms, {}, self.suppressed)
        plan = self.planner.plan(reading, {name: self.states.get(name) for name in reading.names()}, now_ms)
        self.states |= plan.states
        for name in plan.removed:
            self.states.pop(name, None)
        self.suppressed |= set(plan.suppressed)
        self.states |= self.planner.sweep(0, self.states, now_ms + DAY_MS).states
        return plan


@given(st.lists(st.lists(st.tuples(records, headers), min_size=1, max_size=5), min_size=1, max_size=2), numbers)
def test_no_record_stops_a_partition(rounds, stamp) -> None:
    """Every record is applied or set aside; every message of the tracker's own can be read, and fits into a record."""
    home = Home()
    for number, arriving in enumerate(rounds):
        by_topic: dict[str, list[Record]] = {}
        for at, ((topic, value), said) in enumerate(arriving):
            by_topic.setdefault(topic, []).append(Record(at, value, b"k", stamp, said))
        plan = home.apply([PartitionBatch(topic, 0, those) for topic, those in by_topic.items()], START_MS + number)
        assert plan.counts["read"] == len(arriving)
        for turn in range(6):
            assert all(len(message.value) < MAX_MESSAGE_BYTES for message in plan.messages)
            sent = [message.value for message in plan.messages if message.topic == ROUTED]
            assert [flaw for value in sent if isinstance(flaw := read_routed(value, START_MS), RoutedFlaw)] == []
            assert turn == 0 or REJECTED not in {message.topic for message in plan.messages}
            if not sent:
                break
            again = [Record(at, value, b"k") for at, value in enumerate(sent)]
            plan = home.apply([PartitionBatch(ROUTED, 0, again)], START_MS + number)
    for record in home.states.values():
        FOLDS.contribution(record)


@given(st.binary(max_size=300) | mutations(wires()), st.none() | numbers)
def test_decoding_never_raises(value, received_ms) -> None:
    """Bytes become a touch or a flaw, in a worker and in a file, and what is said of them is short."""
    for found in (decode(value, received_ms), reader()(value)):
        assert isinstance(found, Touch | Flaw)
        assert isinstance(found, Touch) or 0 < len(found.detail) < 1_000


@given(st.binary(max_size=300) | mutations(messages().map(encode_routed)))
def test_reading_a_message_never_raises(value) -> None:
    """Bytes become a message or a flaw."""
    found = read_routed(value, START_MS)
    assert not isinstance(found, RoutedFlaw) or found.reason in {"not_routed", "newer_version"}


@given(rejections)
def test_judging_a_rejection_never_raises(value) -> None:
    """Whatever was rejected can be judged once more."""
    judged = still_wrong(msgspec.json.decode(value, type=Rejection))
    assert judged is None or judged.detail
