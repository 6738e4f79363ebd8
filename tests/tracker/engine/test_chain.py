"""Chains: which touchpoints took a customer as deep as they came, and how long each step took."""

import pytest

from tests.tracker.making import HOUR_MS, START_MS, journey, stage, touches
from tracker.engine.chain import chain_of, seconds_to_reach
from tracker.engine.engine import Engine
from tracker.journey.definition import Exclusion, Funnel, Rule


def chain(text: str, *, stages: tuple = ("a", "b", "c"), **funnel) -> str:
    """The chain of the deepest steps, as stage and hour."""
    definition = journey(*stages, funnel=Funnel(**funnel))
    engine = Engine(definition, None)
    entries = sorted(entry for entry, _ in engine.entries(touches(text)))
    progress = engine.fold(entries)
    links = chain_of(engine.steps, entries, progress.depth if progress else 0)
    return " ".join(f"{definition.stages[link.step].name}{(link.at_ms - START_MS) // HOUR_MS}" for link in links)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a0 b1 c2", "a0 b1 c2"),
        ("a0 a1 b2 c3", "a1 b2 c3"),
        ("a0 b1 b2 c3 c4", "a0 b1 c3"),
        ("a0 b1 c2 a3 b4 c5", "a0 b1 c2"),
        ("b0 c1 a2", "a2"),
        ("b0", ""),
    ],
)
def test_the_first_complete_chain_with_the_latest_entry_is_taken(text, expected):
    """And of its steps the earliest."""
    assert chain(text) == expected


def test_a_window_rules_early_entries_out():
    """The entry must lie within the window of the last step."""
    assert chain("a0 b1 a20 c21", window_ms=20 * HOUR_MS) == "a0 b1"
    assert chain("a0 b1 a20 c21", window_ms=21 * HOUR_MS) == "a0 b1 c21"


def test_a_step_may_have_to_come_soon():
    """With a window of its own, a step follows the one before it within that."""
    assert chain("a0 b1 c9 b10 c11", step_windows_ms={"c": 2 * HOUR_MS}) == "a0 b10 c11"


def test_strict_and_excluded_chains_break():
    """What lies between two steps ends the chain that it breaks."""
    assert chain("a0 x1 b2 a3 b4", mode="strict") == "a3 b4"
    exclusion = Exclusion(Rule(type="x"), ("a", "b"))
    assert chain("a0 x1 b2 a3 b4 x5 c6", exclude=(exclusion,)) == "a3 b4 c6"


def test_in_any_order_each_touchpoint_serves_one_step():
    """The latest entry that is deep enough is taken, and steps in the order in which they came."""
    assert chain("c0 a1 b2", mode="any") == "c0 a1 b2"
    assert chain("a0 a1 c2", mode="any") == "a1 c2"


def test_optional_steps_may_be_missing():
    """Then the step after them follows the one before."""
    assert chain("a0 c2", stages=("a", stage("b", optional=True), "c")) == "a0 c2"


def test_a_step_takes_the_time_since_the_one_before_it():
    """The first one has none."""
    engine = Engine(journey("a", "b", "c"), None)
    entries = [entry for entry, _ in engine.entries(touches("a0 b1 c3"))]
    assert seconds_to_reach(chain_of(engine.steps, entries, 3)) == {1: 3600.0, 2: 7200.0}
