"""Migration: a state folded with one definition becomes one of another."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.tracker.making import DAY_MS, START_MS, journey, stage, touch, touches
from tracker.engine import engine
from tracker.engine.batch import Batch
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import Engine, fingerprint
from tracker.engine.instances import InstanceFold
from tracker.engine.migration import migrate, same_shape
from tracker.engine.summary import summaries
from tracker.journey.definition import Definition, Exclusion, Funnel, Rule, Segment
from tracker.records.log import NO_RULE
from tracker.records.state import decode, encode

VALUES = ("one", "two")


def migrated(old: Definition, new: Definition, given: list, horizon_ms: int | None = None):
    """The instance of these touches under the new definition, and what folding them anew gives."""
    instance_folds = [InstanceFold(one, horizon_ms) for one in (old, new)]
    instances = []
    for instance_fold in instance_folds:
        batch = Batch("c", given, START_MS, {})
        items = instance_fold.items(batch)
        instance = instance_fold.engine.open(None, min(entry for entry, _ in items))
        for item in items:
            instance_fold.fold(instance, [item], batch)
        instances.append(instance)
    return migrate(instances[0], instance_folds[0].engine, instance_folds[1].engine), instances[1]


@pytest.mark.parametrize(
    "new",
    [
        journey("a", "b", "c", funnel=Funnel(window_ms=DAY_MS)),
        journey("a", "b", "c", order="forward"),
        journey(stage("a", drops_after_ms=DAY_MS), "b", "c"),
        journey("c", "b", "a"),
        journey("a", "c"),
        journey("a", "new", "b", "c", exits=(Rule(type="x"),)),
    ],
)
def test_what_the_log_holds_is_folded_anew(new):
    """As if the touchpoints had met the new definition, where their rules are the same."""
    after, anew = migrated(journey("a", "b", "c"), new, touches("a0 b30 a40 c70"))
    assert after.progress == anew.progress


def test_segment_values_keep_their_names():
    """A value that is declared no more is `other`; a new segment has none."""
    segments = [Segment("s", ("context", "s"), values) for values in (VALUES, ("two",))]
    old, new = (journey("a", segments=(one,)) for one in segments)
    codes = []
    for value in VALUES:
        after, _ = migrated(old, new, [touch("a", context={"s": value})])
        codes += after.progress.segments
    assert codes == [1, 2]


def test_an_exclusion_is_the_same_by_its_rule():
    """It keeps its meaning at another place."""
    one, other = Exclusion(Rule(type="x")), Exclusion(Rule(type="y"))
    old = journey("a", "b", funnel=Funnel(exclude=(one,)))
    new = journey("a", "b", funnel=Funnel(exclude=(other, one)))
    after, anew = migrated(old, new, touches("a0 x1 b2"))
    assert after.progress.depth == anew.progress.depth == 1


def test_a_long_life_keeps_what_its_base_knew():
    """Stages that are older than the log are taken over by their names."""
    given = [touch("ab"[place % 2], place * 24, f"{place}") for place in range(60)]
    after, anew = migrated(journey("a", "b"), journey("b", "c", "a"), given, horizon_ms=7 * DAY_MS)
    assert after.base is not None
    assert (after.progress.visits, after.progress.stage) == ([30, 0, 30], 0)
    assert after.progress.first == anew.progress.first


def test_a_rule_keeps_its_number_by_what_it_says():
    """Explanations name the rule that a touchpoint met, at its new place; one that is gone is named no more."""
    old, new = journey(stage("a", "x", "y"), "b"), journey(stage("a", "z", "y"), "b", order="forward")
    after, _ = migrated(old, new, [touch("x"), touch("y", 1), touch("b", 2)])
    engine = Engine(new)
    assert [entry.rule for entry in engine.layout.unpack(after.log)] == [NO_RULE, 1, 2]


def test_without_exits_nobody_has_left():
    """What the log holds of them counts no more."""
    after, anew = migrated(journey("a", exits=(Rule(type="x"),)), journey("a"), touches("a0 x1"))
    assert after.progress.exited is anew.progress.exited is None


@pytest.mark.parametrize(
    ("stages", "depth", "taken"),
    [
        ("abc", 3, ""),
        ("anbc", 1, ""),
        ("ac", 2, ""),
        ("bc", 2, ""),
        ("acb", 0, ""),
        ("abcn", 3, ""),
        ("aNbc", 4, ""),
        ("aBc", 3, "b"),
    ],
)
def test_a_chain_that_is_older_than_the_log_keeps_its_depth(stages, depth, taken):
    """As far as it holds for the new stages, too; capitals are optional. In another order nothing is known of it."""
    given = [*touches("a0 b1 c2"), *(touch("z", 24 * (10 + place), f"z{place}") for place in range(60))]
    old = journey(stage("a", drops_after_ms=99 * DAY_MS), "b", "c")
    letters = [stage(one.lower(), optional=one.isupper(), drops_after_ms=99 * DAY_MS) for one in stages]
    after, _ = migrated(old, journey(*letters), given, horizon_ms=7 * DAY_MS)
    assert after.base is not None and after.progress.depth == depth
    assert "".join(one for place, one in enumerate(stages.lower()) if after.progress.taken >> place & 1) == taken


def test_a_shape_is_what_bits_and_figures_mean():
    """Windows and order are none of it, stages and goals are."""
    mark = fingerprint(journey("a", "b"))
    assert same_shape(mark, fingerprint(journey("a", "b", order="forward")))
    assert mark != fingerprint(journey("a", "b", order="forward"))
    assert not same_shape(mark, fingerprint(journey("a", stage("b", goal=True))))
    assert Engine(journey("a", "b")).layout_id == mark


def test_a_state_of_the_former_rules_is_folded_again_when_it_is_met():
    """What an earlier program made of touchpoints at one instant is put right; what was open stays open."""
    definition = journey("a", "b", stage("a2", "a"), stage("c", optional=True), "d")
    journeys = CustomerFold([definition])
    given = [*touches("a0 b1 a1 c2"), touch("a", 240, "late")]
    record = decode(journeys.fold("c", None, given, START_MS).after)
    [stored] = record.journeys
    stored.layout = journeys.instance_folds[0].engine.former_layout_id
    progress = stored.instances[0].progress
    progress.depth, progress.taken, progress.chains = 2, 0, []
    change = journeys.fold("c", encode(record), [], START_MS)
    [summary] = summaries(journeys, change.after)
    assert (summary.funnel_depth, summary.taken) == (4, ("c",))
    funnel = {field: count for field, count in change.aggregates.items() if "|funnel|" in field or "|taken|" in field}
    assert funnel == {
        "j|funnel|2025-10-09|b": -1, "j|funnel|2025-10-09|c": 1, "j|taken|2025-10-09|c": 1,
    }  # fmt: skip


def test_only_journeys_with_a_difference_are_folded_again():
    """Where each touchpoint means one stage and nothing is optional, states keep their mark."""
    plain, repeated = (Engine(one) for one in (journey("a", "b"), journey("a", stage("b", "a"))))
    assert plain.layout_id == plain.former_layout_id
    assert same_shape(repeated.layout_id, repeated.former_layout_id)
    assert repeated.layout_id != repeated.former_layout_id


def test_another_version_is_folded_again_though_its_fingerprint_is_the_same(monkeypatch):
    """The fingerprint has 12 bits for rules and limits: what differs there may look alike, and the version tells."""
    monkeypatch.setattr(engine, "fingerprint", lambda _definition, **_options: 0x12345000)
    old = journey("a", stage("b", optional=True), "c")
    new = replace(journey("a", "b", "c"), version=old.version + 1)
    stored = CustomerFold([old]).fold("c", None, touches("a0 b1"), START_MS)
    folds = CustomerFold([new], former=[old])
    assert folds.outdated(decode(stored.after)) == ["j"]
    change = folds.fold("c", stored.after, (), START_MS)
    assert (decode(change.after).journeys[0].version, folds.outdated(decode(change.after))) == (new.version, [])
    total = Counter(stored.aggregates)
    total.update(change.aggregates)
    assert {field: count for field, count in total.items() if count} == folds.contribution(change.after)
