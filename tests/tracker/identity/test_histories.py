"""Records divided and joined: both sides are what they would have been."""

from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.making import DAY_MS, journey, stage, touch, touches
from tracker.engine.customer import MAX_INSTANCES, CustomerFold
from tracker.identity.histories import Histories
from tracker.records.log import short_id
from tracker.records.state import VERSION, Record, decode, encode

WAY = CustomerFold([journey(stage("a", drops_after_ms=DAY_MS), "b", "c")])
ORDERS = CustomerFold([journey("a", "b", key=("properties", "order"))])
LATER_MS = 1_770_000_000_000


def folded(journeys: CustomerFold, given: list, now_ms: int = LATER_MS) -> Record:
    """The record of these touches."""
    return decode(journeys.fold("c", None, given, now_ms).after)


def counted(journeys: CustomerFold, record: Record) -> dict[str, int]:
    """What a record adds to the figures once the clock has looked at it."""
    after = journeys.fold("c", encode(record), (), LATER_MS).after
    return {field: count for field, count in journeys.contribution(after).items() if "corrections" not in field}


letters = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 90), st.booleans()), max_size=10)


@given(letters)
def test_what_is_divided_is_as_if_it_had_never_been_one(drawn: list[tuple[str, int, bool]]) -> None:
    """And joined again, as if it had never been divided."""
    mine = [touch(kind, hours, f"m{place}") for place, (kind, hours, own) in enumerate(drawn) if own]
    theirs = [touch(kind, hours, f"t{place}") for place, (kind, hours, own) in enumerate(drawn) if not own]
    histories, record = Histories(WAY), folded(WAY, mine + theirs)
    history = histories.extract(record, {short_id(one.event_id) for one in theirs})
    assert counted(WAY, record) == counted(WAY, folded(WAY, mine))
    assert counted(WAY, history) == counted(WAY, folded(WAY, theirs))
    histories.merge(record, history)
    assert counted(WAY, record) == counted(WAY, folded(WAY, mine + theirs))


def test_joining_twice_changes_nothing() -> None:
    """A history may come again; the second time nothing of it is new."""
    histories, record = Histories(WAY), folded(WAY, touches("a0 c9"))
    history = encode(folded(WAY, [touch("b", 5)]))
    assert len(histories.merge(record, decode(history))) == 1
    once = counted(WAY, record)
    assert histories.merge(record, decode(history)) == set()
    assert counted(WAY, record) == once


def test_instances_are_joined_by_their_key() -> None:
    """Two orders of one alias, of which the customer has one already."""
    mine = [touch("a", 1, properties={"order": "o1"})]
    theirs = [touch("b", 2, properties={"order": "o1"}), touch("a", 3, properties={"order": "o2"})]
    histories, record = Histories(ORDERS), folded(ORDERS, mine)
    histories.merge(record, folded(ORDERS, theirs))
    assert sorted(one.key for one in record.journeys[0].instances) == ["o1", "o2"]
    assert counted(ORDERS, record) == counted(ORDERS, folded(ORDERS, mine + theirs))


def test_a_long_past_comes_as_its_landmarks() -> None:
    """What was folded away long ago is known by when each stage was first reached, and keeps its cohort."""
    old = [touch("a", hours, f"o{hours}") for hours in range(0, 60, 2)] + [touch("b", 24 * 30), touch("b", 24 * 30 + 1)]
    history = folded(WAY, old)
    assert history.journeys[0].instances[0].base is not None
    histories, record = Histories(WAY), folded(WAY, [touch("c", 24 * 40)])
    histories.merge(record, history)
    progress = record.journeys[0].instances[0].progress
    assert (progress.zero_ms, progress.first[0]) == (old[0].at_ms, 0)
    assert progress.furthest == 2


def test_leaving_takes_the_past_along() -> None:
    """All but what came under other aliases, with what it has of the time before its log."""
    record = folded(WAY, touches("a0 b1 c2"))
    history = Histories(WAY).extract_own(record, {short_id("1")})
    assert [Histories(WAY).ids(one) for one in (record, history)] == [{short_id("1")}, {short_id("0"), short_id("2")}]


def test_a_journey_that_is_no_longer_declared_stays_untouched() -> None:
    """Nothing can be said of its log."""
    record = folded(CustomerFold([journey("x")]), [touch("x")])
    record.journeys[0].name = "former"
    assert Histories(WAY).extract(record, {short_id("x0")}) == Record(VERSION, [])
    assert record.journeys[0].name == "former"


@given(letters, st.booleans())
def test_answers_and_corrections_are_in_one_of_the_parts(drawn: list[tuple[str, int, bool]], own: bool) -> None:
    """However a record is divided, also where one part has no touchpoint, none is lost and none is there twice."""
    given = [touch(kind, hours, f"{place}") for place, (kind, hours, _) in enumerate(drawn)]
    record = folded(WAY, given)
    for instance in (one for each in record.journeys for one in each.instances):
        instance.corrections, instance.feedback = 3, (0, given[0].at_ms, 9)
    before = [(one.corrections, one.feedback) for each in record.journeys for one in each.instances]
    ids = {short_id(f"{place}") for place, (_, _, goes) in enumerate(drawn) if goes}
    histories = Histories(WAY)
    history = histories.extract_own(record, ids) if own else histories.extract(record, ids)
    parts = [one for part in (record, history) for each in part.journeys for one in each.instances]
    assert [(one.corrections, one.feedback) for one in parts if one.feedback or one.corrections] == before


def test_carts_of_a_browser_give_way_to_the_orders_of_an_alias() -> None:
    """Also where a history is merged in; one of browsers alone displaces nothing."""
    carts = [touch("a", n, f"e{n}", properties={"order": f"cart{n}"}) for n in range(MAX_INSTANCES)]
    more = [touch("a", 1, "more", properties={"order": "more"})]
    for one in (*carts, *more):
        one.is_browser = True
    record, histories = folded(ORDERS, carts), Histories(ORDERS)
    histories.merge(record, folded(ORDERS, more))
    histories.merge(record, folded(ORDERS, [touch("b", 900, "o", properties={"order": "o1"})]))
    keys = [one.key for one in record.journeys[0].instances]
    assert keys == [*(f"cart{n}" for n in range(MAX_INSTANCES - 1)), "o1"]
