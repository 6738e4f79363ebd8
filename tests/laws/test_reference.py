"""The engine says what the slow reference says, whatever the definition and the touchpoints."""

from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.laws.seen import by_engine, by_reference
from tests.strategies import definitions, moments, touch_sets

# The order of the funnel decides which of several matching stages counts; without one only the depth is compared.
ANY_ORDER = ("funnel_depth",)


def after_all(touches, now_ms):
    return max([now_ms, *(touch.at_ms for touch in touches)])


@given(definitions(modes=("sequential",)), touch_sets(versions=True), moments())
def test_sequential(definition, touches, now_ms):
    """In a sequential journey every figure of a customer is that of the reference."""
    now_ms = after_all(touches, now_ms)
    assert by_engine(definition, touches, now_ms) == by_reference(definition, touches, now_ms)


@given(definitions(modes=("strict",)), touch_sets(versions=True), moments())
def test_strict(definition, touches, now_ms):
    """In a strict journey every figure of a customer is that of the reference."""
    now_ms = after_all(touches, now_ms)
    assert by_engine(definition, touches, now_ms) == by_reference(definition, touches, now_ms)


@given(definitions(modes=("any",)), touch_sets(most=6, versions=True), moments())
def test_any_order(definition, touches, now_ms):
    """In any order the depth is that of the reference, and where rules do not overlap so is everything else."""
    now_ms = after_all(touches, now_ms)
    engine, slow = by_engine(definition, touches, now_ms), by_reference(definition, touches, now_ms)
    overlap = any(len(reference.matches(definition, touch)) > 1 for touch in touches)
    names = ANY_ORDER if overlap else {name for one in slow.values() for name in one} - {"chain"}
    assert _only(names, engine) == _only(names, slow)


@given(definitions(keyed=True, modes=("sequential", "strict")), touch_sets(versions=True), moments(), st.data())
def test_keyed(definition, touches, now_ms, data):
    """Each instance of a keyed journey is folded by itself."""
    now_ms = after_all(touches, now_ms)
    arriving = data.draw(st.permutations(touches))
    assert by_engine(definition, arriving, now_ms) == by_reference(definition, touches, now_ms)


def _only(names, seen):
    return {key: {name: one[name] for name in names} for key, one in seen.items()}
