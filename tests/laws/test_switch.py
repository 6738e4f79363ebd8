"""The law of a switch: with one definition in both builds, nobody who reads the transitions can tell that there was
one, whatever is sent meanwhile and whoever dies.
"""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.transition import Transition
from streams.definitions.builds import FIRST
from tests.flow.harness import SHOP, WEB, Worker, World
from tests.laws.two_builds import SECOND, Twin
from tests.touchpoints import DAY_MS, HOUR_MS, touchpoint
from tests.virtual_time import run

EXAMPLES = settings().max_examples // 10
KINDS = {WEB: ["Page Viewed", "Product Added"], SHOP: ["Order Completed", "Order Repeated"]}


class Traffic:
    """Customers who send touchpoints through one topic and partition each, at home or not.

    So theirs come in their order, and what is told of them depends on nothing else.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.sent: list[tuple[str, bytes, int, int]] = []

    def some(self, count: int) -> None:
        random = self._twin.random
        for _ in range(count):
            name = random.randrange(8)
            topic = list(KINDS)[name // 4]
            kind = random.choice(KINDS[topic])
            self._twin.turn(1_000)
            now_ms = self._twin.worlds[FIRST].now_ms
            channel, number = topic.partition(".")[2], len(self.sent)
            value = touchpoint(f"c{name}", kind, now_ms, event_id=f"e{number}", channel=channel)
            self.sent.append((topic, value, name % 2, now_ms))
            self._twin.produce(topic, value, name % 2)


def told(transitions: list[Transition]) -> Counter[tuple]:
    return Counter((one.customer, one.kind, one.origin, one.stage, one.at_ms) for one in transitions)


async def undisturbed(traffic: Traffic, until_ms: int) -> Counter[tuple]:
    """What one build alone tells of the same touchpoints."""
    world = World()
    worker = Worker(world)
    for topic, value, to, at_ms in traffic.sent:
        world.turn(at_ms - world.now_ms)
        world.produce(topic, value, to=to)
        await worker.own() if not worker.ownership.partitions else await worker.settle()
    world.turn(until_ms - world.now_ms)
    await worker.settle()
    await worker.stop()
    return told(world.transitions())


async def play(
    seed: int, *, busy: bool, deaths: int, goes_back: bool
) -> tuple[Counter[tuple], Counter[tuple], list[str]]:
    """The transitions of a stream in which the builds change places, those without, and what the record says."""
    twin = Twin(seed)
    traffic = Traffic(twin)
    for build in twin.worlds:
        twin.start(build)
    for _ in range(3):
        traffic.some(4)
        await twin.go(1)
        twin.turn(HOUR_MS)
    await twin.go(3)
    left = deaths
    for _ in range(2 if goes_back else 1):
        twin.board.announce()
        for _ in range(200):
            if busy:
                traffic.some(twin.random.randrange(3))
                twin.turn(1_000)
            else:
                twin.turn(12 * HOUR_MS)
            await twin.go(0.2)
            if left and twin.random.random() < 0.2:
                left -= 1
                await twin.kill(twin.random.choice((FIRST, SECOND)))
            if twin.are_together:
                twin.board.change_places()
                break
        else:
            twin.board.call_off()
        await twin.go(4)
    traffic.some(6)
    await twin.go(4)
    twin.turn(3 * DAY_MS)
    await twin.go(4)
    until_ms = twin.worlds[FIRST].now_ms
    for worker in twin.workers.values():
        await worker.stop()
    assert twin.worlds[FIRST].figures() == twin.worlds[SECOND].figures()
    made = [revision.by for revision in twin.board.revisions]
    return told(list(twin.told())), await undisturbed(traffic, until_ms), made


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 1 << 32), st.booleans(), st.integers(0, 3), st.booleans())
def test_nobody_can_tell_that_builds_have_changed_places(seed: int, busy: bool, deaths: int, goes_back: bool) -> None:
    """Each transition is told once, by the one build or the other, and none is left out."""
    found, expected, made = run(play(seed, busy=busy, deaths=deaths, goes_back=goes_back))
    assert found == expected
    assert made[-1] in {"switch", "called off"}
    assert deaths or made[-1] == "switch"
