"""Whom a name belongs to, by the offers of its peers."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.routed import BROWSER_MS, Offer, Tie
from tests.people import Seen, people
from tracker.identity.kinds import KINDS, Kinds
from tracker.identity.ties import Edge, Ties, choose, conflicts, excess, may_have_ties, read, root, write
from tracker.identity.trust import NEVER_MS, ranked_ms, seen_ms, trust_of
from tracker.records.state import VERSION, Record, encode

ANN, EVE = "anonymous_id:ann", "email_sha256:eve"


def ties(**edges: Edge) -> Ties:
    """Ties to c1, c2 and the like; `ann` stands for an anonymous id, `eve` for an address."""
    names = {"ann": ANN, "eve": EVE}
    return Ties({names.get(peer, peer): edge for peer, edge in edges.items()})


def offer(*path: str, at_ms: int | None = None) -> Offer:
    return Offer(path, None if at_ms is None else (at_ms, "e", "a", "b"))


def test_the_oldest_claim_of_a_customer_wins() -> None:
    """Whichever was heard of first."""
    seen = ties(c2=Edge(20, "e2", offer("c2")), c1=Edge(10, "e1", offer("c1")))
    assert choose(ANN, seen, KINDS) == Offer(("c1", ANN), (10, "e1", ANN, "c1"))


def test_a_way_is_as_young_as_its_youngest_edge() -> None:
    """An old tie to somebody who was identified late does not outweigh one's own earlier identification."""
    seen = ties(eve=Edge(1, "e1", offer("c2", EVE, at_ms=50)), c1=Edge(40, "e2", offer("c1")))
    assert choose(ANN, seen, KINDS).path[0] == "c1"


def test_a_customer_outweighs_the_oldest_stranger() -> None:
    """Being known is better than being anonymous together."""
    seen = ties(eve=Edge(1, "e1", offer(EVE)), c1=Edge(90, "e2", offer("c1")))
    assert choose(ANN, seen, KINDS).path == ("c1", ANN)


def test_without_a_customer_the_strongest_alias_stands_for_all() -> None:
    """An anonymous id is stronger than an address."""
    assert choose(EVE, ties(ann=Edge(5, "e", offer(ANN))), KINDS).path == (ANN, EVE)
    assert choose(ANN, ties(eve=Edge(5, "e", offer(EVE))), KINDS).path == (ANN,)


def test_nobody_believes_what_he_said_himself() -> None:
    """A path through oneself is no path: else two names would hold each other for ever after a cut."""
    assert choose(ANN, ties(eve=Edge(5, "e", offer("c1", ANN, EVE, at_ms=5))), KINDS).path == (ANN,)


def test_a_cut_tie_counts_for_nothing() -> None:
    """Nor does it make a conflict."""
    seen = ties(c1=Edge(5, "e", offer("c1"), 100, True))
    assert choose(ANN, seen, KINDS).path == (ANN,)
    assert not conflicts(ANN, seen, KINDS)


def test_unique_names_belong_to_themselves() -> None:
    """Two customer ids are two people."""
    assert choose("c1", ties(c2=Edge(5, "e", offer("c2"))), KINDS).path == ("c1",)


def test_a_second_claim_is_a_conflict() -> None:
    """Of the unique name that did not get it."""
    seen = ties(c2=Edge(20, "e2", offer("c2")), c1=Edge(10, "e1", offer("c1")))
    seen.offered = choose(ANN, seen, KINDS)
    assert (root(ANN, seen), list(conflicts(ANN, seen, KINDS))) == ("c1", ["c2"])


def test_the_earliest_peers_stay() -> None:
    """By the limit of their kind, and by that of all."""
    seen = Ties({f"anonymous_id:{number}": Edge(1000 - number, "e") for number in range(8)})
    kinds = Kinds(limits={"anonymous_id": 5}, limit=100)
    assert sorted(excess(seen, kinds)) == ["anonymous_id:0", "anonymous_id:1", "anonymous_id:2"]
    assert len(excess(seen, Kinds(limit=2))) == 6
    assert not excess(seen, KINDS)


def test_a_look_at_the_end_tells_a_record_without_ties() -> None:
    """So that most records need not be decoded to know that they belong to nobody else."""
    assert not may_have_ties(encode(Record(VERSION, [])))
    tied = write(ties(c1=Edge(5, "e", offer("c1"))))
    assert may_have_ties(encode(Record(VERSION, [], ties=tied)))
    assert read(tied).edges["c1"].offer == offer("c1")
    assert write(Ties()) == b""


names = st.sampled_from(["c1", "c2", "c3", "anonymous_id:a", "anonymous_id:b", "email_sha256:d", "email_sha256:e"])
edges = st.lists(st.builds(Seen, st.integers(1, 9), st.sampled_from("xyz"), names, names), max_size=12)


@given(edges, st.randoms())
def test_names_that_tell_each_other_come_to_what_a_union_find_says(seen: list[Seen], random: object) -> None:
    """In whatever order they speak."""
    seen = [edge for edge in seen if edge.one != edge.other and not (":" not in edge.one and ":" not in edge.other)]
    who = people(seen)
    known = {name: Ties() for edge in seen for name in (edge.one, edge.other)}
    for edge in seen:
        for one, other in ((edge.one, edge.other), (edge.other, edge.one)):
            before = known[one].edges.get(other, Edge())
            at_ms = ranked_ms(edge.at_ms, is_browser=edge.is_browser)
            at_ms, event_id = min((before.at_ms, before.event_id), (at_ms, edge.event_id))
            known[one].edges[other] = Edge(at_ms, event_id, Offer((other,)))
    speaking = True
    while speaking:
        speaking = False
        order = sorted(known)
        random.shuffle(order)  # type: ignore[attr-defined]
        for name in order:
            mine = choose(name, known[name], KINDS)
            known[name].offered = mine
            for peer in known[name].edges:
                speaking = speaking or known[peer].edges[name].offer != mine
                known[peer].edges[name].offer = mine
    assert {name: root(name, one) for name, one in known.items()} == who


def by_browser(at_ms: int) -> int:
    return ranked_ms(at_ms, is_browser=True)


def test_a_moment_says_who_saw_it() -> None:
    """And is still that moment by the clock."""
    assert [trust_of(at_ms) for at_ms in (7, by_browser(7), NEVER_MS)] == ["server", "browser", None]
    assert [seen_ms(at_ms) for at_ms in (7, by_browser(7), NEVER_MS)] == [7, 7, NEVER_MS]


def test_a_browser_does_not_take_an_alias_from_the_customer_whom_a_server_named() -> None:
    """Although its tie is older."""
    seen = ties(c1=Edge(900, "e1", offer("c1")), c2=Edge(by_browser(1), "e2", offer("c2")))
    assert choose(ANN, seen, KINDS).path == ("c1", ANN)


def test_a_browser_does_not_move_what_a_server_tied_without_a_customer() -> None:
    """Neither to a customer nor to a stronger alias; the others may join it."""
    tied = ties(eve=Edge(9, "e", offer("email_sha256:eva", EVE, at_ms=8)), c1=Edge(by_browser(1), "e", offer("c1")))
    assert choose("email_sha256:eva", tied, KINDS) == Offer(("email_sha256:eva",), None, True)
    joins = ties(eve=Edge(by_browser(9), "e", offer("email_sha256:eva", EVE, at_ms=8)))
    assert choose(ANN, joins, KINDS).path == ("email_sha256:eva", EVE, ANN)


def test_a_servers_sight_makes_a_browsers_tie_its_own() -> None:
    """In either order, also where the server saw it later; and both ends know the same edge."""
    sights = [(by_browser(5), "b"), (9, "s"), (by_browser(3), "b2")]
    for order in (sights, sights[::-1]):
        one, other, fresh = Ties(), Ties(), set[str]()
        for at_ms, event_id in order:
            one.see("c1", at_ms, event_id, fresh)
            other.hear(Tie(ANN, "c1", at_ms, event_id, offer("c1")), fresh)
        assert [(each.edges["c1"].at_ms, each.edges["c1"].event_id) for each in (one, other)] == [(9, "s")] * 2


def test_a_persons_ruling_makes_a_browsers_tie_as_good_as_a_servers() -> None:
    """From the moment of the ruling."""
    seen = ties(c1=Edge(by_browser(1), "e", offer("c1"), 50), c2=Edge(60, "e", offer("c2")))
    assert choose(ANN, seen, KINDS) == Offer(("c1", ANN), (50, "", ANN, "c1"))


@given(st.randoms())
def test_junk_of_a_browser_displaces_nothing_that_a_server_tied(random: object) -> None:
    """120 aliases that a browser names first are the first to go, in whatever order all come."""
    sights = [(f"anonymous_id:junk-{place}", by_browser(place)) for place in range(120)]
    sights += [(f"anonymous_id:own-{place}", 5_000 + place) for place in range(60)]
    random.shuffle(sights)  # type: ignore[attr-defined]
    known = Ties()
    for peer, at_ms in sights:
        known.see(peer, at_ms, "e", set())
        for over in excess(known, KINDS):
            del known.edges[over]
    own = {peer for peer in known.edges if "own" in peer}
    assert len(own) == 60
    assert known.edges.keys() - own == {f"anonymous_id:junk-{place}" for place in range(40)}
    assert all(edge.at_ms < BROWSER_MS for peer, edge in known.edges.items() if peer in own)
