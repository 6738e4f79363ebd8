"""Which peers a name refuses, and keeps as claims."""

from itertools import permutations

from tracker.identity.kinds import KINDS
from tracker.identity.refusals import refusals
from tracker.identity.ties import NEVER_MS, Edge, Ties
from tracker.identity.who import Who

EVE, OLD, NEW = "email_sha256:eve", "shop@se:12", "shop@se:13"


def test_of_two_numbers_of_one_system_the_older_tie_stays() -> None:
    """Whichever was heard of first."""
    for edges in permutations([(NEW, Edge(20, "e2")), (OLD, Edge(10, "e1")), ("shop@se:14", Edge(30, "e3"))]):
        assert refusals(Ties(dict(edges)), KINDS) == [NEW, "shop@se:14"]


def test_numbers_of_two_systems_stay_together() -> None:
    """A shop's and a help desk's, and those of two shops."""
    peers = [OLD, "shop@no:12", "desk@se:12", "anonymous_id:a", "anonymous_id:b", "c1", "c2"]
    assert refusals(Ties({peer: Edge(10, "e") for peer in peers}), KINDS) == []


def test_at_one_instant_the_event_decides() -> None:
    """Then the name, so that both homes decide alike."""
    assert refusals(Ties({OLD: Edge(10, "e2"), NEW: Edge(10, "e1")}), KINDS) == [OLD]
    assert refusals(Ties({NEW: Edge(10, "e"), OLD: Edge(10, "e")}), KINDS) == [NEW]


def test_what_a_person_ruled_is_not_refused() -> None:
    """A link comes in beside the first number; a cut makes room for the next."""
    linked = Edge(20, "e2", ruled_ms=50)
    only_linked = Edge(NEVER_MS, "", ruled_ms=50)
    assert refusals(Ties({OLD: Edge(10, "e1"), NEW: linked}), KINDS) == []
    assert refusals(Ties({OLD: Edge(10, "e1"), NEW: only_linked}), KINDS) == []
    assert refusals(Ties({OLD: Edge(10, "e1", ruled_ms=50, is_cut=True), NEW: Edge(20, "e2")}), KINDS) == []


def test_a_customer_id_that_reads_like_a_number_is_none() -> None:
    """It is known by its prefix."""
    peers = ["customer_id:shop@se:12", "customer_id:shop@se:13"]
    assert refusals(Ties({peer: Edge(10, "e") for peer in peers}), KINDS) == []


def test_strangers_with_equal_numbers_stay_strangers() -> None:
    """Number 12 of four systems, each with an address of its own, is four people."""
    who = Who()
    for place, kind in enumerate(("shop@a", "shop@b", "desk@a", "crm@a")):
        who.see(f"{kind}:12", f"email_sha256:{place}", place, f"e{place}")
    assert set(who.customers().values()) == {"shop@a:12", "shop@b:12", "desk@a:12", "crm@a:12"}


def test_an_address_of_two_numbers_joins_nobody() -> None:
    """It stays with the number that was seen with it first; a customer_id keeps its first number too."""
    who = Who()
    who.see(NEW, EVE, 20, "e2")
    who.see(OLD, EVE, 10, "e1")
    assert who.customers() == {EVE: OLD}
    who = Who()
    who.see("c1", NEW, 20, "e2")
    who.see("c1", OLD, 10, "e1")
    who.see("c1", "desk@help:9", 30, "e3")
    assert who.customers() == {OLD: "c1", "desk@help:9": "c1"}
