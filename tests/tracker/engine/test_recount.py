"""The recount: equal when all is well, and exact about what is not."""

from tests.tracker.making import START_MS, journey, touches
from tracker.engine.customer import CustomerFold
from tracker.engine.recount import FieldDifference, recount


def test_an_audit_finds_nothing_where_aggregates_are_the_sum():
    """The differences of all folds, added up, are the contributions of the records."""
    journeys = CustomerFold([journey("a", "b")])
    changes = [journeys.fold(f"c{n}", None, touches("a0 b1 a2"[: 2 + 3 * n]), START_MS) for n in range(3)]
    total: dict[str, int] = {}
    for change in changes:
        for name, count in change.aggregates.items():
            total[name] = total.get(name, 0) + count
    assert recount(journeys, [change.after for change in changes], total) == []


def test_an_audit_names_what_is_missing_and_what_is_too_much():
    """By name, with what is stored and what the states say."""
    journeys = CustomerFold([journey("a")])
    change = journeys.fold("c", None, touches("a0"), START_MS)
    wrong = change.aggregates | {"j|visits|a": 3, "gone": 1}
    del wrong["j|current|a|active"]
    assert recount(journeys, [change.after], wrong) == [
        FieldDifference("gone", 1, 0),
        FieldDifference("j|current|a|active", 0, 1),
        FieldDifference("j|visits|a", 3, 1),
    ]
