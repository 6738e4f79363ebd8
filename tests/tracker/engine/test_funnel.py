"""The funnel: depth in every mode, with windows, exclusions, optional and repeated steps; and the chain behind it."""

import itertools
import random

import pytest

from tests.tracker.making import HOUR_MS, START_MS, journey, seen, stage, touch, touches
from tracker.engine.chain import chain_of
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import Engine
from tracker.engine.summary import funnel_chain
from tracker.journey.definition import Definition, Exclusion, Funnel, Rule
from tracker.records.log import Entry
from tracker.records.state import decode
from tracker.touch import Touch


def depth(definition: Definition, text: str) -> int:
    return seen(definition, touches(text)).funnel_depth


def chain(definition: Definition, text: str) -> str:
    journeys = CustomerFold([definition], horizon_ms=None)
    record = journeys.fold("c", None, touches(text), START_MS).after
    links = funnel_chain(journeys.instance_folds[0], decode(record).journeys[0].instances[0])
    return " ".join(f"{name}{(at_ms - START_MS) / HOUR_MS:g}" for name, at_ms, _ in links)


SEQUENTIAL = journey("a", "b", "c", funnel=Funnel(window_ms=10 * HOUR_MS))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a0 b1 c2", 3),
        ("a0 z0.5 b1 a1.5 c2", 3),
        ("c0 b1 a2", 1),
        ("b0 c1", 0),
        ("a0 c1", 1),
        ("a0 b1 c10", 3),
        ("a0 b1 c10.001", 2),
        ("a0 a5 b6 c14", 3),
        ("a0 b6 a9 c11", 2),
        ("c0 b0 a0", 3),
    ],
)
def test_a_sequence_counts_within_its_window_from_the_best_entry(text, steps):
    """Others may lie between; the window's end counts; a later entry may do better; ties are in stage order."""
    assert depth(SEQUENTIAL, text) == steps


@pytest.mark.parametrize(
    ("text", "steps"), [("a0 b1 c2", 3), ("a0 z0.5 b1", 1), ("a0 b1 a2 c3", 2), ("a0 a1 b2 c3", 3), ("z0 a1 b2", 2)]
)
def test_in_strict_mode_nothing_lies_between(text, steps):
    """Any touchpoint of the customer between two steps breaks the chain, also one that matches no stage."""
    assert depth(journey("a", "b", "c", funnel=Funnel(mode="strict")), text) == steps


@pytest.mark.parametrize(
    ("text", "steps"), [("c0 a1 b2", 3), ("c0 a1", 2), ("c0 a5 b10", 3), ("c0 a5 b10.1", 2), ("a0 a1 a2", 1)]
)
def test_in_any_order_different_steps_within_the_window_count(text, steps):
    """Depth is how many different steps were met within the window of the first of them."""
    assert depth(journey("a", "b", "c", funnel=Funnel(mode="any", window_ms=10 * HOUR_MS)), text) == steps


def test_a_step_has_a_window_of_its_own():
    """The time since the step before it, end point inclusive."""
    definition = journey("a", "b", "c", funnel=Funnel(step_windows_ms={"c": HOUR_MS}))
    assert [depth(definition, text) for text in ("a0 b5 c6", "a0 b5 c6.1", "a0 b5 b5.5 c6.1")] == [3, 2, 3]


def test_an_optional_step_may_be_missing_also_at_the_beginning():
    """Depth is the position of the deepest step."""
    definition = journey(stage("a", optional=True), "b", stage("c", optional=True), "d")
    assert [depth(definition, text) for text in ("b0 d1", "a0 b1 c2 d3", "a0 d1", "b0 c1")] == [4, 4, 1, 3]


@pytest.mark.parametrize(
    ("text", "steps"),
    [("a0 b1 x2 c3", 2), ("a0 x1 b2 c3", 3), ("a0 b1 x2 b3 c4", 3), ("a0 b1 c2 x3", 3), ("a0 b1 x2 a3 b4 c5", 3)],
)
def test_an_exclusion_ends_chains_between_its_two_steps(text, steps):
    """What was reached stays; a chain that passes the first of the two steps afterwards goes on."""
    definition = journey("a", "b", "c", funnel=Funnel(exclude=(Exclusion(Rule(type="x"), ("b", "c")),)))
    assert depth(definition, text) == steps


def test_an_exclusion_without_steps_ends_every_chain():
    """Between any two steps."""
    definition = journey("a", "b", "c", funnel=Funnel(exclude=(Exclusion(Rule(type="x")),)))
    assert [depth(definition, text) for text in ("a0 x1 b2", "a0 x1 a2 b3", "x0 a1 b2")] == [1, 2, 2]


def test_a_touchpoint_serves_one_step_of_a_chain():
    """Two steps of one type in any order need two touchpoints."""
    definition = journey(stage("one", "a"), stage("two", "a", "b"), funnel=Funnel(mode="any"))
    assert [depth(definition, text) for text in ("a0", "b0 a1", "a0 a0", "b0 b1")] == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("a0 a2 b3", "a2 b3"),
        ("a0 b1 b2 c3", "a0 b1 c3"),
        ("a0 b1 c2 a3 b4 c5", "a0 b1 c2"),
        ("a0 b1 a9 c10 b12", "a0 b1 c10"),
    ],
)
def test_the_chain_is_the_first_complete_with_the_latest_entry_and_the_earliest_steps(text, links):
    """Of two visits before a purchase the second leads to it; of two second steps the first does."""
    assert chain(SEQUENTIAL, text) == links


def test_the_chain_of_any_order_tells_the_steps_as_they_came():
    """In the order of time."""
    assert chain(journey("a", "b", "c", funnel=Funnel(mode="any")), "c0 b1 c2 a3") == "b1 c2 a3"


# The same by brute force: every way to pick touchpoints for steps. Small sets, many of them.


def brute_depth(definition: Definition, given: list[Touch]) -> int:
    """The greatest depth over all orders of the touchpoints at one instant; those of no stage stay last in it."""
    engine = Engine(definition, None)
    mask = engine.steps.mask
    entries = sorted(entry for entry in map(engine.entry, given) if entry is not None)
    instants = [list(group) for _, group in itertools.groupby(entries, lambda entry: entry.at_ms)]
    ways = [
        [[*order, *(one for one in group if not one.bits & mask)] for order in
         itertools.permutations([one for one in group if one.bits & mask])]
        for group in instants
    ]  # fmt: skip
    return max(depth_in_order(definition, list(itertools.chain(*order))) for order in itertools.product(*ways))


def depth_in_order(definition: Definition, entries: list[Entry]) -> int:
    funnel, count = definition.funnel, len(definition.stages)
    best = 0
    for size in range(1, count + 1):
        for picked in itertools.combinations(range(len(entries)), size):
            chosen = [entries[place] for place in picked]
            if funnel.window_ms is not None and chosen[-1].at_ms - chosen[0].at_ms > funnel.window_ms:
                continue
            if funnel.mode == "strict" and picked[-1] - picked[0] != size - 1:
                continue
            if funnel.mode == "any":
                ways = itertools.permutations(range(count), size)
            else:
                ways = itertools.combinations(range(count), size)
            for steps in ways:
                if all(entry.bits >> step & 1 for entry, step in zip(chosen, steps, strict=True)):
                    if funnel.mode == "any":
                        best = max(best, size)
                    else:
                        missing = set(range(steps[-1])) - set(steps)
                        if all(definition.stages[step].optional for step in missing):
                            best = max(best, steps[-1] + 1)
    return best


@pytest.mark.parametrize("mode", ["sequential", "strict", "any"])
@pytest.mark.parametrize("seed", range(12))
def test_depth_is_that_of_the_best_of_all_ways_to_choose(mode, seed):
    """The fold in O(steps) finds what trying every combination finds, and a chain of that depth."""
    chance = random.Random(f"{mode}{seed}")
    for _ in range(20):
        stages = [
            stage(f"s{n}", *chance.sample("abc", chance.randint(1, 2)), optional=chance.random() < 0.2)
            for n in range(chance.randint(1, 4))
        ]
        definition = journey(*stages, funnel=Funnel(mode=mode, window_ms=chance.choice([None, 2, 3, 5])))
        given = [touch(chance.choice("abcz"), 0, f"e{n}") for n in range(chance.randint(1, 7))]
        for one in given:
            one.at_ms += chance.randrange(8)
        engine = Engine(definition, None)
        entries = sorted(entry for entry in map(engine.entry, given) if entry is not None)
        progress = engine.fold(entries)
        found = progress.depth if progress is not None else 0
        assert found == brute_depth(definition, given)
        links = chain_of(engine.steps, entries, found)
        assert (
            (len({link.step for link in links}) == found)
            if mode == "any"
            else (not links or links[-1].step + 1 == found)
        )
