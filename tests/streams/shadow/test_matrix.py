"""The matrix of stages, and how far a shadow is behind."""

from streams.shadow.lag import CLOSE, lag
from streams.shadow.matrix import JourneyMatrix


def test_samples_take_turns_between_the_cells() -> None:
    """Of each pair of stages one, the largest first, then a second of each; nobody who stays."""
    matrix = JourneyMatrix(("seen", "bought"), ("seen", "cart", "bought"))
    for number in range(5):
        matrix.count(f"a{number}", "seen", "cart", 10)
    for number in range(2):
        matrix.count(f"b{number}", "bought", "cart", 10)
    matrix.count("c", "seen", "seen", 10)
    assert matrix.differing == 7
    assert list(matrix.sampled(4)) == [
        ("a0", "seen", "cart"), ("b0", "bought", "cart"), ("a1", "seen", "cart"), ("b1", "bought", "cart"),
    ]  # fmt: skip
    assert len(list(matrix.sampled(100))) == 7


def test_a_shadow_is_behind_what_the_served_build_has_applied() -> None:
    """Records that Kafka no longer holds are nobody's to apply; being ahead in one place makes up for nothing."""
    web, shop = ("touchpoints.web", 0), ("touchpoints.shop", 1)
    found = lag({web: 100, shop: 50}, {web: 130}, {shop: 20})
    assert (found.applied, found.served, found.behind) == (130, 130, 30)
    assert found.is_close
    assert not lag({web: CLOSE + 1}, {}, {}).is_close
    assert lag({}, {}, {}).share == 1.0


def test_a_shadow_that_has_applied_nothing_has_not_caught_up() -> None:
    """However few records there are: to be close enough for a switch is not enough for a comparison."""
    web = ("touchpoints.web", 0)
    assert lag({web: 1000}, {}, {}).is_close
    assert not lag({web: 1000}, {}, {}).follows
    assert not lag({web: 1000}, {web: 949}, {}).follows
    assert lag({web: 1000}, {web: 950}, {}).follows
    assert not lag({web: 100 * CLOSE}, {web: 99 * CLOSE - 1}, {}).follows
    assert lag({web: 1000}, {}, {web: 1000}).follows
