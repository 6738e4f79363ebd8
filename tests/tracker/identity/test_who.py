"""Who is who in a whole set of touchpoints."""

from tracker.identity.kinds import Kinds
from tracker.identity.who import Who

ANN, BEN, EVE = "anonymous_id:ann", "anonymous_id:ben", "email_sha256:eve"


def who(*seen: tuple[int, str, str], kinds: Kinds | None = None) -> dict[str, str]:
    """By name, the customer, when these pairs were seen at these moments."""
    found = Who(kinds) if kinds else Who()
    for at_ms, name, other in seen:
        found.see(name, other, at_ms, f"e{at_ms}")
    return found.customers()


def test_all_names_that_hang_together_are_one_customer() -> None:
    """Over as many steps as it takes; the unique name stands for all, else the strongest."""
    assert who((3, ANN, EVE), (1, BEN, EVE), (9, "c1", BEN)) == {ANN: "c1", BEN: "c1", EVE: "c1"}
    assert who((3, ANN, EVE), (1, BEN, EVE)) == {BEN: ANN, EVE: ANN}


def test_two_customers_stay_two() -> None:
    """What they share belongs to the first, and so does what hangs on it; the order of lines changes nothing."""
    seen = [(5, "c2", ANN), (4, "c1", ANN), (6, ANN, EVE)]
    assert who(*seen) == who(*reversed(seen)) == {ANN: "c1", EVE: "c1"}


def test_the_first_of_several_touchpoints_counts() -> None:
    """A pair is as old as its oldest touchpoint."""
    assert who((5, "c2", ANN), (4, "c1", ANN), (1, "c2", ANN)) == {ANN: "c2"}


def test_strangers_stay_strangers() -> None:
    """Each group is found out for itself."""
    assert who((1, "c1", ANN), (2, "c2", BEN)) == {ANN: "c1", BEN: "c2"}
    assert who() == {}


def test_a_name_with_too_many_peers_keeps_the_earliest() -> None:
    """Ten thousand aliases of one customer are bounded as in the live tracker; the others stay alone."""
    found = who(*[(at_ms, "c1", f"anonymous_id:{at_ms}") for at_ms in range(10_000)])
    assert found == {f"anonymous_id:{at_ms}": "c1" for at_ms in range(100)}
    assert who((1, "c1", ANN), (2, "c1", BEN), kinds=Kinds(limit=1)) == {ANN: "c1"}


def test_a_circle_has_one_customer() -> None:
    """Aliases that were seen with each other in a ring."""
    assert who((1, ANN, BEN), (2, BEN, EVE), (3, ANN, EVE), (4, "c1", EVE)) == dict.fromkeys((ANN, BEN, EVE), "c1")
