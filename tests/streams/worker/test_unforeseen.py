"""A batch in which something fails that nobody foresaw: what is set aside, and what ends the process instead."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from schemas.rejection import Place, Rejection
from schemas.topics import REJECTED
from streams.clients.publisher import MemoryPublisher
from streams.stores.memory import MemoryStore
from streams.worker.cache import Cache
from streams.worker.commit import Commit
from streams.worker.in_slices import Unwanted
from streams.worker.metrics import WorkerMetrics
from tests.flow.harness import SHOP, WEB, definition
from tests.one_planner import OnePlanner
from tests.touchpoints import START_MS, Record, touchpoint
from tests.virtual_time import run
from tracker.engine.customer import CustomerFold
from tracker.planning import planner as planning
from tracker.planning.plan import PartitionBatch, Plan
from tracker.planning.planner import Planner
from tracker.records.state import UnreadableStateError

NOW_MS = START_MS + 1_000


class Fold(CustomerFold):
    """A fold that fails for customers and touchpoints of some names."""

    def __init__(self, error: BaseException) -> None:
        super().__init__([definition()])
        self.error = error
        self.calls: Counter[str] = Counter()

    def fold(self, customer, before, touches, *rest):
        self.calls[customer] += 1
        marked = [touch for touch in touches if touch.type == "Marked"]
        if any(touch.type == "Broken" for touch in touches) or len(marked) > 1 or customer == "stuck":
            raise self.error
        return super().fold(customer, before, touches, *rest)


class Owner:
    """A commit with a fold that fails."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.fold = Fold(error or ZeroDivisionError("a value of ann's"))
        self.store, self.publisher, self.metrics = MemoryStore(), MemoryPublisher(), WorkerMetrics()
        self.commit = Commit(
            OnePlanner(Planner(self.fold, partitions=1)), self.store, self.publisher, Cache(1_000_000), self.metrics
        )

    def apply(self, *batches: PartitionBatch, is_wanted: Callable[[], bool] = lambda: True) -> Plan:
        async def scenario() -> Plan:
            self.lease = await self.commit.take(0)
            return await self.commit.batch(self.lease, batches, NOW_MS, NOW_MS, is_wanted)

        return run(scenario())

    @property
    def rejections(self) -> list[Rejection]:
        messages = [message for batch in self.publisher.batches for message in batch.messages]
        return [msgspec.json.decode(each.value, type=Rejection) for each in messages if each.topic == REJECTED]


def of(*values: bytes | None, topic: str = WEB) -> PartitionBatch:
    return PartitionBatch(topic, 0, [Record(offset, value, b"key") for offset, value in enumerate(values)])


def test_a_record_that_cannot_be_folded_is_set_aside() -> None:
    """The others of all topics are applied as without it; it is a rejection with place, bytes and digest, counted."""
    broken = touchpoint("ann", "Broken")
    owner, plain = Owner(), Owner()
    good = [touchpoint(name) for name in ("ann", "bob", "cid")]
    owner.apply(of(good[0], broken, good[1]), of(good[2], topic=SHOP))
    plain.apply(of(*good[:2]), of(good[2], topic=SHOP))
    assert owner.store.held(0).states == plain.store.held(0).states
    assert owner.store.held(0).aggregates == plain.store.held(0).aggregates
    assert owner.store.held(0).offsets == {WEB: 3, SHOP: 1}
    [rejection] = owner.rejections
    assert (rejection.reason, rejection.value, rejection.place) == ("unforeseen", broken, Place(WEB, 0, 1))
    assert rejection.detail.startswith("ZeroDivisionError, traceback ") and "ann" not in rejection.detail
    count = owner.metrics.registry.get_sample_value
    assert count("tracker_touchpoints_rejected_total", {"reason": "unforeseen"}) == 1
    assert count("tracker_touchpoints_read_total", {"topic": WEB}) == 3


def test_a_record_that_cannot_be_decoded_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that raises is no other than a fold that does."""

    def decode(value, *rest):
        if b"Broken" in value:
            raise RecursionError
        return real(value, *rest)

    real = planning.decode
    monkeypatch.setattr(planning, "decode", decode)
    owner = Owner()
    owner.apply(of(touchpoint("ann"), touchpoint("bob", "Broken"), touchpoint("cid")))
    assert set(owner.store.held(0).states) == {"ann", "cid"}
    assert [each.detail.partition(",")[0] for each in owner.rejections] == ["RecursionError"]


def test_records_that_fail_only_together_are_found() -> None:
    """Two touchpoints of one customer, each of which could be applied: the later one is set aside."""
    owner = Owner()
    marked = [touchpoint("ann", "Marked", at_ms=START_MS + number) for number in range(2)]
    owner.apply(of(marked[0], *(touchpoint(f"c{number}") for number in range(50)), marked[1]))
    assert [each.value for each in owner.rejections] == [marked[1]]
    assert len(owner.store.held(0).states) == 51


def test_a_batch_without_a_fault_is_planned_once() -> None:
    """Nothing is looked for where nothing fails."""
    owner = Owner()
    owner.apply(of(touchpoint("ann"), touchpoint("bob")))
    assert owner.fold.calls == {"ann": 1, "bob": 1}
    assert owner.rejections == []


@pytest.mark.parametrize("error", [MemoryError(), UnreadableStateError("damaged"), KeyboardInterrupt(), SystemExit(1)])
def test_what_no_record_is_to_blame_for_passes(error: BaseException) -> None:
    """It ends the process; nothing is written and nothing set aside."""
    owner = Owner(error)
    with pytest.raises(type(error)):
        owner.apply(of(touchpoint("ann", "Broken")))
    assert (owner.rejections, owner.store.held(0).states, owner.store.held(0).offsets) == ([], {}, {})


def test_a_state_that_fails_by_itself_is_no_record() -> None:
    """A stored state that cannot be folded without a touchpoint either ends the process, with its touchpoints kept."""
    owner = Owner()
    owner.apply(of(touchpoint("ann")))
    held = owner.store.held(0)
    held.states["stuck"] = held.states["ann"]
    with pytest.raises(ZeroDivisionError):
        owner.apply(of(touchpoint("bob"), touchpoint("stuck")))
    assert owner.rejections == []
    assert "bob" not in held.states


def test_a_partition_that_is_revoked_meanwhile_is_left() -> None:
    """The search is given up, and the batch is its next owner's."""
    owner = Owner()
    values = [touchpoint(f"c{number}") for number in range(1500)]
    asked: list[bool] = []

    def is_wanted() -> bool:
        asked.append(True)
        return not owner.fold.calls

    with pytest.raises(Unwanted):
        owner.apply(of(*values, touchpoint("ann", "Broken")), is_wanted=is_wanted)
    assert asked
    assert owner.store.held(0).states == {}
