"""A replay finds out who is who as a union-find over all touchpoints would, and folds each customer whole."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.people import Seen, people
from tests.strategies import BASE_MS, UNIT_MS
from tracker.identity.trust import ranked_ms
from tracker.identity.who import Who
from tracker.journey.definition import Definition, Rule, Stage
from tracker.replay.replay import Replay, columns_of
from tracker.touch import Touch

POOLS = (
    ("c1", "c2", "c3"),
    ("shop_customer@se:12", "shop_customer@se:13", "shop_customer@se:14"),
    ("desk_requester@help:12", "desk_requester@help:13"),
    ("anonymous_id:a1", "anonymous_id:a2", "anonymous_id:a3"),
    ("email_sha256:e1",),
)
SHOP = Definition("shop", 1, tuple(Stage(name, (Rule(type=name),)) for name in ("visit", "order", "return")))


@st.composite
def named_touches(draw: st.DrawFn) -> list[Touch]:
    """Touches under one to five names each, the strongest first, some at one moment."""
    touches = []
    for place in range(draw(st.integers(1, 14))):
        pools = sorted(draw(st.sets(st.integers(0, len(POOLS) - 1), min_size=1)))
        names = [draw(st.sampled_from(POOLS[pool])) for pool in pools]
        at_ms = BASE_MS + draw(st.integers(0, 9)) * UNIT_MS
        kind = draw(st.sampled_from(["visit", "order", "return"]))
        touch = Touch(names[0], at_ms, kind, "web", f"e{place}", {}, {}, at_ms, tuple(names[1:]))
        touch.is_browser = draw(st.booleans())
        touches.append(touch)
    return touches


def expected(touches: Sequence[Touch]) -> dict[str, str]:
    """By name that is not its own customer, the customer."""
    found = people(
        Seen(one.at_ms, one.event_id, one.customer, link, one.is_browser) for one in touches for link in one.links
    )
    return {name: customer for name, customer in found.items() if name != customer}


@given(named_touches(), st.randoms())
def test_everybody_is_who_the_union_find_says(touches, random):
    """Whatever the order of the lines."""
    random.shuffle(touches)
    who = Who()
    for one in touches:
        for link in one.links:
            who.see(one.customer, link, ranked_ms(one.at_ms, is_browser=one.is_browser), one.event_id)
    assert who.customers() == expected(touches)


@given(named_touches())
def test_a_replay_is_that_of_touchpoints_under_one_name_each(touches):
    """As if everybody had been known from the beginning."""
    who = expected(touches)
    known = [
        Touch(who.get(one.customer, one.customer), one.at_ms, one.type, one.channel, one.event_id, {}, {})
        for one in touches
    ]
    found, plain = (sorted(as_tuples(one)) for one in (touches, known))
    assert found == plain


def as_tuples(touches: Sequence[Touch]) -> list[tuple[object, ...]]:
    """What became of each customer."""
    return [
        (one.name, one.summary, one.chain)
        for customer in Replay(SHOP, columns_of([SHOP], touches)).customers()
        for one in customer
    ]
