from random import Random

from streams.simulator.event import Event
from streams.simulator.truth import TrueStages, Truth

STAGES = ("seen", "tried", "bought")


def event(stage: int, at_ms: int, name: str = "ada", **more) -> Event:
    return Event("web", name.encode(), b"{}", name, more.pop("person", name), f"e{stage}-{at_ms}", stage, at_ms, **more)


def test_newest_is_current_highest_is_furthest() -> None:
    """Whatever order they come in, the newest touchpoint decides where a customer is."""
    sent = [event(0, 1), event(2, 2), event(1, 3)]
    for seed in range(6):
        truth = Truth(STAGES)
        for one in Random(seed).sample(sent, 3):
            truth.add(one)
        assert truth.customers() == {"ada": TrueStages("tried", "bought")}
        assert truth.funnel() == {"seen": 1, "tried": 1, "bought": 1}
        assert truth.current() == {"seen": 0, "tried": 1, "bought": 0}


def test_who_skips_a_stage_was_never_there() -> None:
    """The funnel counts who came at least so far, the visited stages who was there."""
    truth = Truth(STAGES)
    truth.add(event(0, 1))
    truth.add(event(2, 2))
    assert truth.funnel() == {"seen": 1, "tried": 1, "bought": 1}
    assert truth.visited() == {"seen": 1, "tried": 0, "bought": 1}


def test_the_same_instant_counts_in_stage_order() -> None:
    """Of two touchpoints at one moment the higher stage is the later one."""
    truth = Truth(STAGES)
    truth.add(event(1, 5))
    truth.add(event(0, 5))
    assert truth.current()["tried"] == 1


def test_copies_and_poison_count_apart() -> None:
    """They are messages, but no touchpoints, and nobody's stage."""
    truth = Truth(STAGES)
    truth.add(event(0, 1))
    truth.add(event(0, 1, copy=True))
    truth.add(Event("web", b"k", b"?", poison="text"))
    truth.add(event(-1, 9))
    assert (truth.messages, truth.touchpoints, truth.copies) == (4, 2, 1)
    assert truth.rejected() == {"not_json": 1}
    assert truth.customers() == {"ada": TrueStages("seen", "seen")}


def test_all_aliases_of_a_person_count_once() -> None:
    """Whatever the touchpoints came under."""
    truth = Truth(STAGES)
    truth.add(event(0, 1, "anonymous_id:x", person="ada"))
    truth.add(event(1, 2, "ada"))
    assert truth.customers() == {"ada": TrueStages("tried", "tried")}


def test_quiet_for_longer_than_allowed_is_dropped() -> None:
    """At exactly the allowed time a customer is still waiting; a stage without a limit drops nobody."""
    truth = Truth(STAGES)
    truth.add(event(0, 100))
    truth.add(event(2, 100, "bob"))
    assert truth.dropped((50, 50, None), 150) == {"seen": 0, "tried": 0, "bought": 0}
    assert truth.dropped((50, 50, None), 151) == {"seen": 1, "tried": 0, "bought": 0}


def test_any_touchpoint_ends_the_quiet() -> None:
    """A ticket keeps a customer from dropping out, but is no journey by itself."""
    truth = Truth(STAGES)
    truth.add(event(0, 100))
    truth.add(event(-1, 140))
    truth.add(event(-1, 140, "bob"))
    assert truth.dropped((50, 50, None), 190)["seen"] == 0
    assert truth.dropped((50, 50, None), 191)["seen"] == 1
    assert truth.funnel()["seen"] == len(truth.customers()) == 1
