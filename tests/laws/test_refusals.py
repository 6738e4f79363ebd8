"""What a name refuses depends on what was seen, and not on the order in which it came; live equals replay."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.harness import SHOP, SUPPORT, WEB, World
from tests.laws.arrivals import Arrival, crashes, names, outcome, touchpoints
from tests.virtual_time import run
from tracker.identity.kinds import Kinds
from tracker.identity.ties import read, root
from tracker.identity.trust import ranked_ms
from tracker.identity.who import Who
from tracker.records.state import ties_of

EXAMPLES = max(20, settings().max_examples // 20)
KINDS = [(WEB, "Page Viewed"), (SHOP, "Order Completed"), (SUPPORT, "Ticket")]
SUSPICIOUS = Kinds(suspect_after=2)
POOLS = {
    "customer_id": ("c1", "c2", "c3"),
    "shop_customer@se": ("12", "13"),
    "desk_requester@help": ("12", "14"),
    "anonymous_id": ("a1", "a2"),
    "email_sha256": ("e1", "e2", "e3", "e4"),
}

# Left out, a server sent it.
TRUST = st.sampled_from([{}, {"trust": "browser"}])
streams = touchpoints(KINDS, st.tuples(names(POOLS, 2, 4), TRUST).map(lambda drawn: {"ids": drawn[0], **drawn[1]}))


def replayed(stream: Sequence[Arrival]) -> dict[str, str]:
    """By name that is not its own customer, the customer, as a replay of the touchpoints finds it."""
    who = Who(SUSPICIOUS)
    for touch in {arrival.touch.event_id: arrival.touch for arrival in stream}.values():
        for link in touch.links:
            who.see(touch.customer, link, ranked_ms(touch.at_ms, is_browser=touch.is_browser), touch.event_id)
    return who.customers()


def live(world: World) -> dict[str, str]:
    """The same, as the workers have stored it."""
    found = {name: root(name, read(ties_of(record))) for name, record in world.states().items()}
    return {name: customer for name, customer in found.items() if customer != name}


@settings(max_examples=EXAMPLES)
@given(streams, st.randoms(), st.integers(1, 6), crashes())
def test_suspects_and_second_numbers_are_the_same_in_any_order(stream, random, batch, points) -> None:
    """Any order, any batches, any crashes: whoever is suspect links as many as in a replay of the whole set."""
    shuffled = random.sample(stream, len(stream))
    expected = replayed(stream)
    assert replayed(shuffled) == expected
    for one in (stream, shuffled):
        world = run(outcome(World(4, kinds=SUSPICIOUS), one, batch, points))
        assert live(world) == expected
        assert world.figures() == world.contributions()
