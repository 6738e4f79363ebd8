"""What a batch does to a name that is tied to others, seen at one home."""

import msgspec

from schemas.routed import Adopted, Clearance, History, Offer, Release, RoutedTouchpoint, Ruling, Tie
from tests.tracker.making import journey, touch
from tracker.engine.customer import CustomerFold
from tracker.engine.summary import summaries
from tracker.identity.incoming import Incoming
from tracker.identity.linking import Linking, Relation
from tracker.identity.ties import QUESTION, Ties, read, root
from tracker.identity.trust import NEVER_MS
from tracker.records.state import VERSION, Record, decode, encode

JOURNEYS = CustomerFold([journey("a", "b", "c")])
LINKING = Linking(JOURNEYS)
ANN, NOW_MS = "anonymous_id:ann", 1_770_000_000_000
CLAIM = Tie(ANN, "c1", 1_000, "e1", Offer(("c1",)))


def relate(name: str, before: bytes | None = None, touches: tuple = (), **incoming: list) -> Relation:
    """One batch for a name."""
    return LINKING.relate(name, before, list(touches), Incoming(**incoming), NOW_MS)


def ties(relation: Relation) -> Ties:
    return read(decode(relation.change.after).ties)


def history(*touches: object) -> bytes:
    return JOURNEYS.fold("x", None, touches, NOW_MS).after


def test_a_customer_tells_an_alias_once() -> None:
    """The same tie, however often it is seen, is no news; an older touchpoint is."""
    first = relate("c1", links=[(ANN, 2_000, "e2"), (ANN, 3_000, "e3")])
    assert first.messages == [Tie(ANN, "c1", 2_000, "e2", Offer(("c1",)))]
    known = first.change.after
    assert not LINKING.concerns(Incoming(links=[(ANN, 2_500, "e9")]), known)
    assert relate("c1", known, links=[(ANN, 1_000, "e1")]).messages == [CLAIM]


def test_an_alias_sends_its_history_to_its_customer() -> None:
    """What was counted for it alone is counted no more."""
    before = history(touch("a"), touch("b", 1))
    relation = relate(ANN, before, messages=[CLAIM])
    [answer, sent] = relation.messages
    assert isinstance(answer, Tie)
    assert answer.name == "c1"
    assert isinstance(sent, History)
    assert (sent.name, sent.alias, sent.record) == ("c1", ANN, before)
    assert root(ANN, ties(relation)) == "c1"
    gone = JOURNEYS.contribution(before)
    assert relation.change.aggregates == {field: -count for field, count in gone.items()}
    assert [one.kind for one in relation.change.transitions] == ["linked"]


def test_touchpoints_of_an_alias_go_on_as_they_came() -> None:
    """The customer's home decodes the original bytes."""
    known = relate(ANN, messages=[CLAIM]).change.after
    relation = relate(ANN, known, (touch("a"),), originals=[(b"bytes", 77)])
    assert relation.messages == [RoutedTouchpoint(b"bytes", 77, "c1", ANN)]
    assert decode(relation.change.after).journeys == []
    assert (
        msgspec.msgpack.decode(msgspec.msgpack.encode(relation.messages[0]), type=RoutedTouchpoint)
        == relation.messages[0]
    )


def test_a_customer_remembers_under_which_alias_a_touchpoint_came() -> None:
    """And asks the alias' home once whether that is right."""
    first = relate("c1", under=[(ANN, touch("a")), (ANN, touch("b", 1))])
    assert first.messages == [Adopted(ANN, "c1")]
    assert len(ties(first).adopted[ANN]) == 24
    again = relate("c1", first.change.after, under=[(ANN, touch("a"))])
    assert (again.messages, again.change.duplicate) == ([], 1)


def test_a_touchpoint_that_was_long_on_its_way_counts_where_it_belongs() -> None:
    """Weeks older than what the customer has: its way between homes makes it no late one."""
    mine, theirs = [touch("b", 500), touch("c", 510)], touch("a", 1)
    relation = relate("c1", history(*mine), under=[(ANN, theirs), (ANN, theirs)])
    counted = JOURNEYS.contribution(relation.change.after)
    assert counted.pop("j|corrections") > 0
    assert counted == JOURNEYS.contribution(history(theirs, *mine))
    assert relation.change.aggregates["j|cohort|2025-10-09"] == 1
    assert len(ties(relation).adopted[ANN]) == 12
    assert (relation.counts["applied"], relation.counts["duplicate"]) == (1, 1)


def test_a_release_gives_back_what_came_under_the_alias_alone() -> None:
    """The customer keeps its own touchpoints."""
    held = relate("c1", history(touch("c", 2)), under=[(ANN, touch("a"))]).change.after
    relation = relate("c1", held, messages=[Release("c1", ANN)])
    [sent] = relation.messages
    assert isinstance(sent, History)
    assert sent.name == sent.alias == ANN
    assert JOURNEYS.contribution(sent.record) == JOURNEYS.contribution(history(touch("a")))
    left = JOURNEYS.contribution(relation.change.after)
    assert left.pop("j|corrections") > 0
    assert left == JOURNEYS.contribution(history(touch("c", 2)))
    assert [one.kind for one in relation.change.transitions] == ["corrected"]


def test_an_alias_that_moved_on_has_its_history_released() -> None:
    """By the customer it belonged to before, and by whoever says to hold some of it."""
    known = relate(ANN, messages=[CLAIM]).change.after
    older = Tie(ANN, "c2", 500, "e0", Offer(("c2",)))
    moved = relate(ANN, known, messages=[older])
    assert Release("c1", ANN) in moved.messages
    assert [one.kind for one in moved.change.transitions] == ["linked", "conflict"]
    assert relate(ANN, moved.change.after, messages=[Adopted(ANN, "c1")]).messages == [Release("c1", ANN)]
    assert relate(ANN, moved.change.after, messages=[Adopted(ANN, "c2")]).messages == []


def test_a_history_that_comes_home_goes_on_to_the_present_customer() -> None:
    """The alias' home is where everything about it passes."""
    known = relate(ANN, messages=[CLAIM]).change.after
    part = encode(Record(VERSION, decode(history(touch("a"))).journeys))
    assert relate(ANN, known, messages=[History(ANN, ANN, part)]).messages == [History("c1", ANN, part)]


def test_a_cut_brings_an_alias_home() -> None:
    """And a tie seen later does not undo what a person said."""
    known = relate(ANN, messages=[CLAIM]).change.after
    cut = relate(ANN, known, messages=[Ruling(ANN, "c1", NOW_MS, linked=False)])
    assert cut.messages == [Release("c1", ANN)]
    assert root(ANN, ties(cut)) == ANN
    later = relate(ANN, cut.change.after, messages=[Tie(ANN, "c1", 10, "e0", Offer(("c1",)))])
    assert root(ANN, ties(later)) == ANN
    again = relate(ANN, later.change.after, messages=[Ruling(ANN, "c1", NOW_MS + 1, linked=True)])
    assert root(ANN, ties(again)) == "c1"


def test_a_name_of_an_earlier_definition_is_migrated_before_it_is_related() -> None:
    """Another number of stages: nothing is taken for another stage, corrected or lost, and figures follow."""
    former, present = journey("a", "b", "c"), journey("a", *"nopqrstu", "b", "c")
    before = CustomerFold([former]).fold("c1", None, [touch("a"), touch("b", 1)], NOW_MS).after
    journeys = CustomerFold([present], former=[former])
    incoming = Incoming(under=[(ANN, touch("c", 2))], messages=[History("c1", ANN, history(touch("a", -1)))])
    relation = Linking(journeys).relate("c1", before, [], incoming, NOW_MS)
    figures = journeys.contribution(before)
    for field, count in relation.change.aggregates.items():
        figures[field] = figures.get(field, 0) + count
    assert {field: count for field, count in figures.items() if count} == journeys.contribution(relation.change.after)
    assert [one.kind for one in relation.change.transitions] == ["corrected", "advanced"]
    [only] = summaries(journeys, relation.change.after)
    assert (only.current, list(only.reached)) == ("c", ["a", "b", "c"])
    quiet = Linking(journeys).relate("c1", before, [], Incoming(links=[(ANN, NOW_MS, "e1")]), NOW_MS)
    assert quiet.change.transitions == [] and len(quiet.messages) == 1


PEER = "email_sha256:e1"


def offered(customer: str, at_ms: int) -> Tie:
    """What a peer of Ann says: that it belongs to a customer since a moment."""
    return Tie(ANN, PEER, 1_000, "e1", Offer((customer, PEER), (at_ms, "e2", customer, PEER)))


def test_an_offer_that_comes_late_does_not_replace_a_newer_one() -> None:
    """The peer belongs to another by now; it is asked, and says so in order."""
    known = relate(ANN, messages=[offered("c2", 1_000), offered("c1", 2_000)]).change.after
    assert root(ANN, read(decode(known).ties)) == "c1"
    late = relate(ANN, known, late=[offered("c2", 1_000)])
    assert root(ANN, ties(late)) == "c1"
    [question] = late.messages
    assert isinstance(question, Tie)
    assert (question.name, question.peer, question.offer) == (PEER, ANN, ties(late).offered)

    peer = relate(PEER, messages=[Tie(PEER, ANN, 1_000, "e1"), Tie(PEER, "c1", 2_000, "e2", Offer(("c1",)))])
    answer = [one for one in relate(PEER, peer.change.after, messages=[question]).messages if one.name == ANN]
    assert answer == [Tie(ANN, PEER, 1_000, "e1", Offer(("c1", PEER), (2_000, "e2", "c1", PEER)))]
    assert relate(ANN, late.change.after, messages=answer).messages == []


def test_a_late_tie_is_an_edge_all_the_same() -> None:
    """A peer that is known from it alone is tied once it has answered."""
    late = relate(ANN, late=[offered("c1", 2_000)])
    assert root(ANN, ties(late)) == ANN
    assert [one.name for one in late.messages] == [PEER, PEER]
    assert root(ANN, ties(relate(ANN, late.change.after, messages=[offered("c1", 2_000)]))) == "c1"


def test_a_question_ties_nobody() -> None:
    """A peer that the name has refused, or has never met, is told so."""
    question = Tie(PEER, ANN, NEVER_MS, QUESTION, Offer((ANN,)))
    relation = relate(PEER, messages=[question])
    assert not ties(relation).edges
    assert relation.messages == [Tie(ANN, PEER, NEVER_MS, "")]


def test_a_second_number_of_a_system_is_told_once() -> None:
    """It is offered nothing, and comes in when a person cuts the first one."""
    first, second = (Tie(ANN, f"shop@se:{place}", at_ms, "e", Offer((f"shop@se:{place}",))) for place, at_ms in PLACES)
    relation = relate(ANN, messages=[second, first])
    [told] = [one for one in relation.change.transitions if one.kind == "conflict"]
    assert (told.customer, told.alias, told.other) == ("shop@se:12", ANN, "shop@se:13")
    assert relation.counts["conflicts"] == 1
    offers = {one.name: one.offer for one in relation.messages if isinstance(one, Tie)}
    assert offers == {"shop@se:12": Offer(("shop@se:12", ANN), (1_000, "e", ANN, "shop@se:12")), "shop@se:13": None}
    again = relate(ANN, relation.change.after, messages=[second])
    assert (again.counts["conflicts"], again.change.transitions, again.messages) == (0, [], [])
    freed = relate(ANN, again.change.after, messages=[Ruling(ANN, "shop@se:12", NOW_MS, linked=False)])
    assert root(ANN, ties(freed)) == "shop@se:13"
    assert ties(freed).held == ties(freed).refused == ()


PLACES = ((12, 1_000), (13, 2_000))


def test_a_suspect_is_told_once_and_can_be_cleared() -> None:
    """By the twentieth address of a day; each one after it is a claim. A person clears it, or takes that back."""
    links = [(f"email_sha256:{place}", 1_000 + place, f"e{place}") for place in range(22)]
    relation = relate("till", links=links)
    told = [(one.kind, one.alias, one.other) for one in relation.change.transitions]
    assert told == [
        ("conflict", "till", None), ("conflict", "till", "email_sha256:20"), ("conflict", "till", "email_sha256:21"),
    ]  # fmt: skip
    assert (relation.counts["suspects"], relation.counts["conflicts"]) == (1, 2)
    assert [one.name for one in relation.messages if one.offer is None] == ["email_sha256:20", "email_sha256:21"]
    assert ties(relation).suspect_ms == 1_019
    again = relate("till", relation.change.after, links=[("email_sha256:22", 2_000, "e22")])
    assert (again.counts["suspects"], again.counts["conflicts"]) == (0, 1)
    cleared = relate("till", again.change.after, messages=[Clearance("till", 3_000, is_cleared=True)])
    assert [(one.name, one.offer) for one in cleared.messages] == [
        (f"email_sha256:{place}", Offer(("till",))) for place in (20, 21, 22)
    ]
    assert (ties(cleared).suspect_ms, ties(cleared).held) == (-1, ())
    late = relate("till", cleared.change.after, messages=[Clearance("till", 2_000, is_cleared=False)])
    assert ties(late).suspect_ms == -1
    back = relate("till", late.change.after, messages=[Clearance("till", 4_000, is_cleared=False)])
    assert ties(back).suspect_ms == 1_019
