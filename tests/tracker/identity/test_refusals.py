"""Which peers a name refuses, and keeps as claims."""

from itertools import permutations

from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.refusals import DAY_MS, Refusals, refusals
from tracker.identity.ties import NEVER_MS, Edge, Ties
from tracker.identity.who import Who

EVE, OLD, NEW = "email_sha256:eve", "shop@se:12", "shop@se:13"


def test_of_two_numbers_of_one_system_the_older_tie_stays() -> None:
    """Whichever was heard of first."""
    for edges in permutations([(NEW, Edge(20, "e2")), (OLD, Edge(10, "e1")), ("shop@se:14", Edge(30, "e3"))]):
        assert refusals(Ties(dict(edges)), KINDS).peers == (NEW, "shop@se:14")


def test_numbers_of_two_systems_stay_together() -> None:
    """A shop's and a help desk's, and those of two shops."""
    peers = [OLD, "shop@no:12", "desk@se:12", "anonymous_id:a", "anonymous_id:b", "c1", "c2"]
    assert refusals(Ties({peer: Edge(10, "e") for peer in peers}), KINDS).peers == ()


def test_at_one_instant_the_event_decides() -> None:
    """Then the name, so that both homes decide alike."""
    assert refusals(Ties({OLD: Edge(10, "e2"), NEW: Edge(10, "e1")}), KINDS).peers == (OLD,)
    assert refusals(Ties({NEW: Edge(10, "e"), OLD: Edge(10, "e")}), KINDS).peers == (NEW,)


def test_what_a_person_ruled_is_not_refused() -> None:
    """A link comes in beside the first number; a cut makes room for the next."""
    linked = Edge(20, "e2", ruled_ms=50)
    only_linked = Edge(NEVER_MS, "", ruled_ms=50)
    assert refusals(Ties({OLD: Edge(10, "e1"), NEW: linked}), KINDS).peers == ()
    assert refusals(Ties({OLD: Edge(10, "e1"), NEW: only_linked}), KINDS).peers == ()
    assert refusals(Ties({OLD: Edge(10, "e1", ruled_ms=50, is_cut=True), NEW: Edge(20, "e2")}), KINDS).peers == ()


def test_a_customer_id_that_reads_like_a_number_is_none() -> None:
    """It is known by its prefix."""
    peers = ["customer_id:shop@se:12", "customer_id:shop@se:13"]
    assert refusals(Ties({peer: Edge(10, "e") for peer in peers}), KINDS).peers == ()


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


THREE = Kinds(suspect_after=3)


def seen(*days: float, kind: str = "email_sha256") -> Ties:
    """A name that was seen with another person's address on each of these days."""
    return Ties({f"{kind}:{place}": Edge(int(day * DAY_MS), f"e{place}") for place, day in enumerate(days)})


def test_what_gathers_too_much_in_a_day_links_no_further() -> None:
    """Those until then stay, those after are refused, whatever their kind, in any order."""
    found = seen(0, 0.5, 1, 1.5, 9)
    found.edges["anonymous_id:late"] = Edge(2 * DAY_MS, "e9")
    expected = Refusals(("anonymous_id:late", "email_sha256:3", "email_sha256:4"), DAY_MS)
    for edges in permutations(found.edges.items()):
        assert refusals(Ties(dict(edges)), THREE) == expected


def test_as_many_in_more_than_a_day_are_no_suspicion() -> None:
    """A customer may have many addresses over time, and many devices in a day."""
    assert refusals(seen(0, 0.5, 1.01, 2, 3), THREE) == Refusals()
    assert refusals(seen(0, 0, 0, 0, 0, kind="anonymous_id"), THREE) == Refusals()
    assert refusals(seen(0, 0, 0, 0, 0), Kinds(suspect_after=0)) == Refusals()
    assert refusals(seen(*[0] * 19), KINDS) == Refusals()
    assert refusals(seen(*[0] * 21), KINDS).peers == ("email_sha256:9",)


def test_kinds_before_the_device_are_strong() -> None:
    """Those of an installation too; what stands behind `anonymous_id` is a device's, addresses apart."""
    kinds = Kinds(("customer_id", "member_no", "anonymous_id", "device_id", "email_sha256"))
    strong = [kind for kind in (*kinds.order, "shop@se") if kinds.is_strong(kind)]
    assert strong == ["customer_id", "member_no", "email_sha256", "shop@se"]


def test_what_a_person_linked_arouses_no_suspicion() -> None:
    """And it is not refused by a name that is suspect."""
    found = seen(0, 0, 0, 0)
    found.edges["email_sha256:0"].ruled_ms = 1
    found.edges["email_sha256:3"].ruled_ms = 1
    assert refusals(found, THREE) == Refusals()
    found = seen(0, 0, 0, 1, 1)
    found.edges["email_sha256:4"].ruled_ms = 1
    assert refusals(found, THREE) == Refusals(("email_sha256:3",), 0)


def test_who_is_cleared_is_not_suspect() -> None:
    """Whatever it gathers."""
    found = seen(*[0] * 50)
    found.is_cleared = True
    assert refusals(found, THREE) == Refusals()


def test_a_suspect_merges_no_further_strangers() -> None:
    """A till's customer number takes twenty addresses in a day, and none after them."""
    who = Who()
    for place in range(40):
        who.see("till", f"email_sha256:{place:02}", place * 60_000, f"e{place}")
    assert who.customers() == {f"email_sha256:{place:02}": "till" for place in range(20)}
