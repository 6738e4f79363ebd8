"""The laws of changed definitions: a migrated state is what folding everything by the new definition gives."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.laws.seen import by_engine, of_record
from tests.strategies import definitions, maybe_units, moments, splits, touch_sets
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import fingerprint
from tracker.journey.definition import Definition, Funnel, Stage
from tracker.journey.versions import Decision, decide, differences, digest, meaning


@st.composite
def changed(draw: st.DrawFn, before: Definition) -> Definition:
    """A later version of a definition: some stages, limits, windows, segments and exclusions are others."""
    other = draw(definitions(keyed=before.key is not None))
    stages = [_stage(draw, one) for one in before.stages if draw(st.integers(0, 3))] or [before.stages[0]]
    if draw(st.integers(0, 3)) == 0:
        stages = list(draw(st.permutations(stages)))
    names = {stage.name for stage in stages}
    exclude = [one for one in before.funnel.exclude if draw(st.booleans())]
    exclude = [one for one in exclude if one.between is None or names.issuperset(one.between)]
    windows = other.funnel.step_windows_ms.items()
    funnel = Funnel(
        draw(st.sampled_from((before.funnel.mode, other.funnel.mode))),
        draw(st.sampled_from((before.funnel.window_ms, other.funnel.window_ms))),
        {name: window for name, window in windows if name in names - {stages[0].name}},
        tuple(exclude),
    )
    segments = [
        replace(one, values=tuple(draw(st.permutations(one.values)))[draw(st.integers(0, 1)) :], attribution="last")
        for one in before.segments
        if draw(st.booleans())
    ]
    changes: dict[str, Any] = {
        "version": before.version + 1,
        "stages": tuple(stages),
        "funnel": funnel,
        "segments": tuple(segments),
        "order": other.order,
        "buckets": other.buckets,
    }
    return replace(before, **changes)


def _stage(draw: st.DrawFn, stage: Stage) -> Stage:
    if draw(st.booleans()):
        return stage
    return replace(stage, drops_after_ms=draw(maybe_units), optional=False, goal=draw(st.booleans()))


def counted(journeys: CustomerFold, record: bytes) -> dict[str, int]:
    """What a record adds to the figures, without what depends on arrival."""
    total = journeys.contribution(record).items()
    return {field: count for field, count in total if "|corrections" not in field}


@given(st.data(), definitions(), touch_sets(), moments(), moments())
def test_a_migrated_state_is_as_if_folded_by_the_new_definition(data, before, touches, then_ms, now_ms):
    """Where a change asks for a fold only, the stored matches hold all that the new definition needs."""
    after = data.draw(changed(before))
    if Decision("taken", differences(before, after)).need == "history":
        return
    former = CustomerFold([before], horizon_ms=None)
    record = None
    for batch in data.draw(splits(touches)):
        record = former.fold("customer", record, batch, then_ms).after
    if record is None:
        return
    journeys = CustomerFold([after], None, [before])
    change = journeys.fold("customer", record, [], now_ms)
    now_ms = max(now_ms, then_ms)
    change = journeys.fold("customer", change.after, [], now_ms)
    assert of_record(after, change.after) == by_engine(after, touches, now_ms)
    anew = journeys.fold("customer", None, touches, now_ms).after
    assert counted(journeys, change.after) == counted(journeys, anew)


@given(st.data(), definitions(), touch_sets(), moments())
def test_figures_move_by_the_difference(data, before, touches, now_ms):
    """Whatever a change asks for: the figures stay the sum over the states."""
    after = data.draw(changed(before) | definitions())
    record = CustomerFold([before]).fold("customer", None, touches, now_ms).after
    journeys = CustomerFold([after], former=[before])
    figures = journeys.contribution(record)
    change = journeys.fold("customer", record, [], now_ms)
    for field, count in change.aggregates.items():
        figures[field] = figures.get(field, 0) + count
    assert {field: count for field, count in figures.items() if count} == journeys.contribution(change.after)


@given(st.data(), definitions())
def test_a_digest_stands_for_what_is_counted(data, before):
    """Two definitions have differences exactly when they mean something else; and only then another fingerprint."""
    after = replace(data.draw(changed(before) | definitions()), version=before.version)
    is_same = meaning(before) == meaning(after)
    assert (digest(before) == digest(after)) is is_same
    assert (not differences(before, after)) is is_same
    assert not is_same or fingerprint(before) == fingerprint(after)
    assert decide(before, after).verdict == ("refused" if not is_same else "same" if before == after else "wording")
    assert all(str(each) and "{" not in str(each) for each in differences(before, after))
