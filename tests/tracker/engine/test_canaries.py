"""The canary counts nowhere."""

from tests.tracker.making import DAY_MS, START_MS, journey, stage
from tracker.engine.canaries import CANARY, arrived, canaries
from tracker.engine.customer import CustomerFold
from tracker.engine.recount import recount
from tracker.home import home
from tracker.journey.definition import Rule, Survey
from tracker.touch import Touch

ANYTHING = journey(
    stage("a", drops_after_ms=DAY_MS), feedback=(Survey("nps", Rule()),), exits=(Rule(type="a"),)
)  # a rule for every touchpoint


def sent(customer: str, event_id: str, at_ms: int = START_MS) -> Touch:
    return Touch(customer, at_ms, "a", "web", event_id, {"score": 9}, {})


def test_a_canary_counts_in_no_journey() -> None:
    """No figure, no transition, no timer, whatever the rules; a customer with the same touchpoint has all of them."""
    journeys = CustomerFold([ANYTHING])
    customer = journeys.fold("c", None, [sent("c", "1")], START_MS)
    canary = journeys.fold(f"{CANARY}1", None, [sent(f"{CANARY}1", "1")], START_MS)
    assert customer.aggregates and customer.transitions
    assert (canary.aggregates, canary.transitions, canary.due_ms, canary.arm_ms) == ({}, [], None, None)
    assert (canary.applied, canary.duplicate) == (1, 0)
    assert recount(journeys, [canary.after], {}) == []


def test_what_has_arrived_is_seen_in_the_record() -> None:
    """Each id once, the latest 32 of them; the record does not grow beyond."""
    journeys, record = CustomerFold([ANYTHING]), None
    for number in range(100):
        record = journeys.fold(f"{CANARY}1", record, [sent(f"{CANARY}1", f"{number}")], START_MS).after
    assert [arrived(record, f"{number}") for number in (67, 68, 99, 100)] == [False, True, True, False]
    assert len(record) < 500
    assert journeys.fold(f"{CANARY}1", record, [sent(f"{CANARY}1", "99")], START_MS).duplicate == 1
    assert not arrived(None, "1")


def test_each_partition_has_a_canary_at_home() -> None:
    """By Kafka's own hash."""
    assert [home(name, 64) for name in canaries(64)] == list(range(64))
