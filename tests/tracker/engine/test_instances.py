"""The intake: how touches come into one instance; keys, duplicates, order and the horizon."""

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, stage, touch, touches
from tracker.engine.batch import BEARING, DUPLICATE, LATE, Batch
from tracker.engine.instances import MAX_KEY_LENGTH, InstanceFold
from tracker.figures.tally import written
from tracker.journey.definition import Definition, Rule
from tracker.touch import Touch


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


def by_browser(kind: str, hours: float = 0, event_id: str | None = None, **more) -> Touch:
    made = touch(kind, hours, event_id, **more)
    made.is_browser = True
    return made


ORDER = "0c7f43cd-3aa6-4c80-9bb4-6b3e51eb9b2a"


@pytest.mark.parametrize("event_id", ["order-1001", ORDER, "a-long-id-of-an-order-1001"])
def test_a_browser_that_uses_an_orders_id_first_keeps_nothing_out(event_id):
    """The shop's own replaces it, and what had been reported is corrected."""
    claim, order = by_browser("c", 1, event_id), touch("b", 5, event_id)
    late, batch = taken(instance_fold(), [touch("a")], [claim], [order])
    alone, _ = taken(instance_fold(), [touch("a")], [order])
    assert (late.progress, late.log) == (alone.progress, alone.log)
    assert ([one.kind for one in batch.transitions], list(batch.fates)) == (["corrected"], [BEARING | DUPLICATE])


def test_a_browsers_version_of_what_a_server_sent_is_a_duplicate():
    """In the same batch, in a later one, and when the server's has left the log."""
    claim, order = by_browser("c", 9, ORDER), touch("b", 5, ORDER)
    for batches in ([touch("a"), claim, order],), ([touch("a"), order], [claim]):
        both, batch = taken(instance_fold(), *batches)
        alone, _ = taken(instance_fold(), [touch("a"), order])
        assert (both.progress, both.log) == (alone.progress, alone.log)
        assert list(batch.fates).count(BEARING | DUPLICATE) == 1
    old = [touch("a", hours, f"a{hours}") for hours in range(30)]
    way, past = instance_fold(horizon_ms=DAY_MS), [order, *old]
    gone, _ = taken(way, past, [touch("a", 500, "x"), touch("a", 501, "y")])
    way.engine._fold_away(gone, START_MS + 400 * HOUR_MS)
    batch = Batch("c", [by_browser("c", 502, "a29")], START_MS, {})
    way.fold(gone, way.items(batch), batch)
    assert list(batch.fates) == [BEARING | DUPLICATE]


def test_what_a_browser_sent_and_has_left_the_log_stays_beside_the_servers():
    """It cannot be taken back, and keeps the server's out no more than before."""
    way = instance_fold(horizon_ms=DAY_MS)
    past = [by_browser("b", 1, ORDER), *(touch("a", 2 + hours / 10, f"a{hours}") for hours in range(30))]
    gone, _ = taken(way, past, [touch("a", 500, "x")])
    way.engine._fold_away(gone, START_MS + 400 * HOUR_MS)
    batch = Batch("c", [touch("c", 501, ORDER)], START_MS, {})
    way.fold(gone, way.items(batch), batch)
    assert list(batch.fates) == [BEARING]
    assert gone.progress.stage == 2


def test_a_browser_leaves_no_journey():
    """Its touchpoint meets the rules of stages alone; a server's ends the journey."""
    leaves = (Rule(type="b"), Rule(type="x"))
    for sent, exits in ((by_browser, False), (touch, True)):
        left, _ = taken(instance_fold("a", "b", exits=leaves), [touch("a")], [sent("x", 1)])
        assert (left.progress.exited is not None) is exits
        left, _ = taken(instance_fold("a", "b", exits=leaves), [touch("a")], [sent("b", 1)])
        assert (left.progress.stage, left.progress.exited is not None) == (1, exits)
