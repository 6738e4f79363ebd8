"""The intake: how touches come into one instance; keys, duplicates, order and the horizon."""

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch, touches
from tracker.engine.batch import BEARING, DUPLICATE, LATE, Batch
from tracker.engine.instances import MAX_KEY_LENGTH, InstanceFold
from tracker.figures.tally import written
from tracker.journey.definition import Definition


def instance_fold(*stages, horizon_ms: int | None = None, **more) -> InstanceFold:
    return InstanceFold(journey(*(stages or ("a", "b", "c")), **more), horizon_ms)


def taken(one: InstanceFold, *batches: list, now_ms: int = START_MS) -> tuple:
    """The instance after these batches, and the last batch."""
    instance, batch = None, None
    for given in batches:
        batch = Batch("c", given, now_ms, {})
        items = one.items(batch)
        instance = instance or one.engine.open(None, min(entry for entry, _ in items))
        one.fold(instance, items, batch)
    return instance, batch


def test_what_becomes_of_each_touch_is_noted():
    """Those that bear on the journey, those that came before, and those beyond the horizon."""
    first = [touch("a", 0, "once"), touch("b", 200), touch("nothing", 200)]
    _, batch = taken(
        instance_fold(horizon_ms=7 * DAY_MS), first, [touch("a", 0, "once"), touch("b", 1), touch("x", 201)]
    )
    assert list(batch.fates) == [BEARING | DUPLICATE, BEARING | LATE, 0]
    _, batch = taken(instance_fold(), first, [touch("b", 200), touch("c", 300)])
    assert list(batch.fates) == [BEARING | DUPLICATE, BEARING]


def test_a_batch_in_any_order_is_the_batch_in_order():
    """Nothing needs to be corrected, because nothing was reported before."""
    shuffled, batch = taken(instance_fold(), touches("a0 c5 b2"))
    in_order, _ = taken(instance_fold(), sorted(touches("a0 c5 b2"), key=lambda one: one.at_ms))
    assert (shuffled.progress, shuffled.log) == (in_order.progress, in_order.log)
    assert [one.kind for one in batch.transitions] == ["entered", "advanced", "advanced"]


def test_a_late_touch_that_changes_what_was_reported_is_a_correction():
    """One that changes nothing is none."""
    late, batch = taken(instance_fold(), touches("a0 c5"), [touch("b", 2)])
    assert (late.corrections, [one.kind for one in batch.transitions]) == (1, ["corrected"])
    same, batch = taken(instance_fold(), touches("a0 a5"), [touch("a", 2)])
    assert (same.corrections, batch.transitions) == (0, [])


def test_the_clock_acts_when_the_stage_allows_no_more():
    """It returns when it will act, and nothing once it has."""
    one = instance_fold(stage("a", drops_after_ms=HOUR_MS))
    instance, _ = taken(one, [touch("a", 0)])
    batch = Batch("c", [], START_MS + HOUR_MS, {})
    assert one.fold(instance, None, batch) == START_MS + HOUR_MS + 1
    batch.now_ms += 1
    assert one.fold(instance, None, batch) is None
    assert [(one.kind, one.at_ms) for one in batch.transitions] == [("dropped", START_MS + HOUR_MS)]
    assert written(batch.tally) == {"j|current|a|waiting": -1, "j|current|a|dropped": 1, "j|dropoffs|a": 1}


@pytest.mark.parametrize(
    ("value", "key"),
    [("o1", "o1"), (7, "7"), (True, "true"), ("", None), (None, None), ([], None), ("x" * 999, "x" * 128)],
)
def test_a_key_is_a_text(value, key):
    """As JSON writes it, bounded; lists, objects and nothing are none."""
    keyed = InstanceFold(Definition("j", 1, (stage("a"),), key=("properties", "order")), None)
    assert keyed.key_of(touch("a", properties={"order": value})) == key
    assert len(key or "") <= MAX_KEY_LENGTH


def test_touches_are_grouped_by_their_key():
    """One without a key belongs to no instance."""
    keyed = InstanceFold(Definition("j", 1, (stage("a"),), key=("properties", "order")), None)
    given = [touch("a", place, properties={"order": order}) for place, order in enumerate(["1", "2", "1", None])]
    groups = keyed.groups(Batch("c", given, START_MS, {}))
    assert {key: [place for _, place in items] for key, items in groups.items()} == {"1": [0, 2], "2": [1]}
