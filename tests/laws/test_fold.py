"""A customer's state is a fold over a set: how and when touchpoints come changes nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.laws.seen import of_record
from tests.strategies import UNIT_MS, definitions, moments, splits, touch_sets
from tracker.engine.customer import CustomerFold
from tracker.identity.histories import Histories
from tracker.records.state import decode, encode

HORIZON_MS = 24 * UNIT_MS


def fold_in(journeys, batches, moments_ms):
    """The record after the batches, each at its moment, and the sum of all changes to the aggregates."""
    record, total = None, Counter()
    for batch, now_ms in zip(batches, moments_ms, strict=True):
        change = journeys.fold("customer", record, batch, now_ms)
        record = change.after
        total.update(change.aggregates)
    return record, {field: count for field, count in total.items() if count}


def results(journeys, record):
    """What a record adds to the figures, without how often it had to be corrected."""
    return {name: count for name, count in journeys.contribution(record).items() if "|corrections" not in name}


@given(definitions(), touch_sets(versions=True), moments(), st.data())
def test_arrival_changes_nothing(definition, touches, now_ms, data):
    """Any order, repetition and split into batches gives the state and the figures of the sorted set."""
    journeys = CustomerFold([definition], horizon_ms=None)
    batches = data.draw(splits(touches))
    record, _ = fold_in(journeys, [*batches, []], [now_ms] * (len(batches) + 1))
    in_order = sorted(touches, key=lambda touch: (touch.at_ms, touch.event_id))
    whole, _ = fold_in(journeys, [in_order, []], [now_ms, now_ms])
    assert of_record(definition, record) == of_record(definition, whole)
    assert results(journeys, record) == results(journeys, whole)


@given(definitions(), touch_sets(versions=True), moments(), st.data())
def test_looking_changes_nothing(definition, touches, now_ms, data):
    """Timers that fire between the batches leave the same state as one look at the end."""
    journeys = CustomerFold([definition], horizon_ms=None)
    batches = data.draw(splits(touches))
    looks = sorted(data.draw(st.lists(moments(), min_size=len(batches), max_size=len(batches))))
    now_ms = max([now_ms, *looks])
    record, _ = fold_in(journeys, [*batches, []], [*looks, now_ms])
    whole, _ = fold_in(journeys, [touches, []], [now_ms, now_ms])
    assert of_record(definition, record) == of_record(definition, whole)


@given(definitions(), touch_sets(versions=True), moments(), st.data())
def test_late_within_the_horizon(definition, touches, now_ms, data):
    """Within the lateness horizon a late touchpoint gives what the sorted set gives."""
    batches = data.draw(splits(touches))
    moments_ms = [now_ms] * (len(batches) + 1)
    record, _ = fold_in(CustomerFold([definition], HORIZON_MS), [*batches, []], moments_ms)
    whole, _ = fold_in(CustomerFold([definition], None), [touches, []], [now_ms, now_ms])
    assert of_record(definition, record) == of_record(definition, whole)


@given(definitions(), touch_sets(most=12, hours=96), moments(120))
def test_fast_path_is_the_slow_path(definition, touches, now_ms):
    """One touchpoint after another, in order and over many horizons, gives what all at once give."""
    ordered = sorted(touches, key=lambda touch: touch.at_ms)
    journeys = CustomerFold([definition], horizon_ms=12 * UNIT_MS)
    record, _ = fold_in(journeys, [*([touch] for touch in _in_set_order(definition, ordered)), []],
                        [now_ms] * (len(ordered) + 1))  # fmt: skip
    whole, _ = fold_in(CustomerFold([definition], None), [ordered, []], [now_ms, now_ms])
    seen, expected = of_record(definition, record), of_record(definition, whole)
    # The chain is found in the log, which ends at the horizon.
    for one in [*seen.values(), *expected.values()]:
        one.pop("chain")
    assert seen == expected


def _in_set_order(definition, touches):
    return reference.order(definition, touches)


@given(definitions(), touch_sets(most=12, hours=96, versions=True), st.data())
def test_aggregates_are_sums_of_contributions(definition, touches, data):
    """The differences of all folds add up to the contribution of the last state, also beyond the horizon."""
    journeys = CustomerFold([definition], horizon_ms=12 * UNIT_MS)
    batches = data.draw(splits(touches))
    looks = data.draw(st.lists(moments(120), min_size=len(batches), max_size=len(batches)))
    record, total = fold_in(journeys, batches, looks)
    assert record is not None
    assert total == {field: count for field, count in journeys.contribution(record).items() if count}


@given(definitions(), touch_sets(most=12, hours=96, versions=True), st.data())
def test_the_plain_way_is_the_general_way(definition, touches, data):
    """Plain touchpoints change and report the same on the fast path and on the general way."""
    plainly, generally = (CustomerFold([definition], horizon_ms=12 * UNIT_MS) for _ in range(2))
    for instance_fold in generally.instance_folds:
        instance_fold._fast_path = None
    ordered, size = sorted(touches, key=lambda touch: touch.at_ms), data.draw(st.integers(1, 6))
    in_order = [ordered[begin : begin + size] for begin in range(0, len(ordered), size)]
    record = None
    for batch in data.draw(st.sampled_from([in_order, data.draw(splits(touches))])):
        now_ms = data.draw(moments(120))
        change = plainly.fold("customer", record, batch, now_ms)
        assert change == generally.fold("customer", record, batch, now_ms)
        record = change.after


@given(definitions(), touch_sets(most=12, hours=96), moments(120))
def test_what_is_encoded_decodes(definition, touches, now_ms):
    """A record that is decoded and encoded again is the same, byte for byte."""
    record = CustomerFold([definition], horizon_ms=12 * UNIT_MS).fold("customer", None, touches, now_ms).after
    assert encode(decode(record)) == record


@given(definitions(), touch_sets(versions=True), moments(), st.data())
def test_transitions_are_deterministic(definition, touches, now_ms, data):
    """The same record and batch give the same bytes, transitions and moment, however often they are folded."""
    journeys = CustomerFold([definition])
    record = None
    for batch in data.draw(splits(touches)):
        first = journeys.fold("customer", record, batch, now_ms)
        assert journeys.fold("customer", record, batch, now_ms) == first
        record = first.after


@given(definitions(), touch_sets(), moments(), st.data())
def test_every_touchpoint_is_counted_once(definition, touches, now_ms, data):
    """Applied and duplicate touchpoints add up to those that came, and the applied ones to the set."""
    journeys = CustomerFold([definition])
    record, applied, duplicate = None, 0, 0
    batches = data.draw(splits(touches))
    for batch in batches:
        change = journeys.fold("customer", record, batch, now_ms)
        record, applied, duplicate = change.after, applied + change.applied, duplicate + change.duplicate
    assert applied == len(touches)
    assert applied + duplicate == sum(map(len, batches))


@given(definitions(), touch_sets(versions=True), moments(), st.data())
def test_a_servers_version_counts_and_not_a_browsers(definition, touches, now_ms, data):
    """Where both count for one instance it is as if the browser had sent nothing, whatever came first."""
    journeys = CustomerFold([definition], HORIZON_MS)
    batches = data.draw(splits(touches))
    record, _ = fold_in(journeys, [*batches, []], [now_ms] * (len(batches) + 1))
    counting = [one for group in _by_instance(definition, touches) for one in reference.trusted(definition, group)]
    whole, _ = fold_in(CustomerFold([definition], None), [counting, []], [now_ms, now_ms])
    assert of_record(definition, record) == of_record(definition, whole)


def _by_instance(definition, touches):
    if definition.key is None:
        return [touches]
    key_of = CustomerFold([definition]).instance_folds[0].key_of
    return [[one for one in touches if key_of(one) == key] for key in {key_of(one) for one in touches} - {None}]


@given(definitions(), st.lists(touch_sets(versions=True), min_size=2, max_size=2), moments(), st.data())
def test_merged_histories_are_the_union(definition, sets, now_ms, data):
    """Two aliases with versions of the same touchpoints give the state of both at once, whichever is merged in."""
    journeys = CustomerFold([definition], HORIZON_MS)
    now_ms = max([now_ms, *(one.at_ms for touches in sets for one in touches)])
    records = [decode(fold_in(journeys, [data.draw(st.permutations(one))], [now_ms])[0]) for one in sets]
    merged, other = data.draw(st.permutations(records))
    Histories(journeys).merge(merged, other)
    record = journeys.fold("customer", encode(merged), [], now_ms).after
    whole, _ = fold_in(journeys, [[*sets[0], *sets[1]], []], [now_ms, now_ms])
    assert of_record(definition, record) == of_record(definition, whole)
