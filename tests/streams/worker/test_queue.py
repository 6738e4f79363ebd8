import asyncio

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.queue import LAGGARD_S, AlignedQueue
from streams.worker.transport import FetchedBatch
from tests.flow.harness import SHOP, WEB
from tests.touchpoints import Record
from tests.virtual_time import run
from tracker.planning.plan import PartitionBatch

TOPICS = (WEB, SHOP)
stamps = st.lists(st.integers(0, 20), min_size=1, max_size=5)


class Room(AlignedQueue):
    """A waiting room that notes which topics are held."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        super().__init__(TOPICS, self.held.add, self.held.discard)
        self.next = dict.fromkeys(TOPICS, 0)

    def bring(self, topic: str, times: list[int], *, last: bool = False, epoch: int = 1) -> None:
        """The next records of a topic, with these timestamps; `last`: nothing lies behind them."""
        first = self.next[topic]
        records = [Record(first + place, b"", timestamp=time) for place, time in enumerate(times)]
        self.next[topic] = first + len(times)
        end = self.next[topic] + (0 if last else 1)
        self.put(
            FetchedBatch(PartitionBatch(topic, 0, records), epoch, end), lambda: self.acknowledged.append((topic, end))
        )

    acknowledged: list[tuple[str, int]] = []  # noqa: RUF012  # of no interest but to one test


@given(st.lists(st.tuples(st.sampled_from(TOPICS), stamps), max_size=8))
def test_everything_comes_out_once_and_in_order(arrivals: list[tuple[str, list[int]]]) -> None:
    """However batches are cut to keep step, each topic's records come out in their order, none twice, none never."""
    room = Room()
    for topic, times in arrivals:
        room.bring(topic, times)
    came: dict[str, list[int]] = {topic: [] for topic in TOPICS}
    rounds = 0
    while not room.empty:
        taken = room.take(1)
        assert taken.batches, "each round takes something"
        for batch, _ in taken.batches:
            came[batch.topic] += [record.offset for record in batch.records]
        rounds += 1
        assert rounds < 100
    assert came == {topic: list(range(count)) for topic, count in room.next.items()}
    assert (room.held, room.records) == (set(), 0)


def test_topics_keep_step() -> None:
    """A backlog of one is taken only as far as the other, which has more to come, is here."""
    room = Room()
    room.bring(WEB, [1, 2, 30, 40])
    room.bring(WEB, [50])
    room.bring(SHOP, [5, 9])
    taken = room.take(1)
    assert {batch.topic: len(batch.records) for batch, _ in taken.batches} == {WEB: 2, SHOP: 2}
    assert room.held == {WEB}


def test_a_topic_at_its_end_holds_nobody_back() -> None:
    """Nothing lies behind it, so nothing of that time can still come."""
    room = Room()
    room.bring(WEB, [1, 2, 30, 40])
    room.bring(SHOP, [5, 9], last=True)
    taken = room.take(1)
    assert {batch.topic: len(batch.records) for batch, _ in taken.batches} == {WEB: 4, SHOP: 2}


def test_only_a_whole_batch_is_acknowledged() -> None:
    """What was cut in two is acknowledged with its second half."""
    room = Room()
    room.acknowledged = []
    room.bring(WEB, [1, 30])
    room.bring(SHOP, [9])
    for acknowledge in room.take(1).acknowledge:
        acknowledge()
    assert room.acknowledged == [(SHOP, 2)]
    for acknowledge in room.take(1).acknowledge:
        acknowledge()
    assert room.acknowledged == [(SHOP, 2), (WEB, 3)]


def test_another_epoch_is_dropped() -> None:
    """Read before the partition was taken anew: counted, let go, and the topic is read on."""
    room = Room()
    room.bring(WEB, [1], epoch=1)
    taken = room.take(2)
    assert (taken.batches, taken.stale, room.held) == ([], 1, set())


def test_who_is_behind_is_waited_for_but_not_long() -> None:
    """A topic with more to read that does not come keeps the others for a moment only."""

    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        room = Room()
        room.bring(WEB, [1])
        await room.ready({WEB})
        assert clock() == 0
        await room.ready({WEB, SHOP})
        assert LAGGARD_S <= clock() < LAGGARD_S + 0.01
        asyncio.get_running_loop().call_later(0.1, room.bring, SHOP, [1])
        began = clock()
        await room.ready({WEB, SHOP})
        assert clock() - began < LAGGARD_S

    run(scenario())


def test_what_stands_still_waits_and_the_rest_goes_on() -> None:
    """Nothing is taken from the limit on, a batch that lies across it is cut there, and no topic waits for it."""
    room = Room()
    room.bring(WEB, [1, 2, 3])
    room.bring(SHOP, [9])
    room.stand({WEB: 2}, reads_on=True)
    taken = room.take(1)
    assert [(batch.topic, len(batch.records)) for batch, _ in taken.batches] == [(WEB, 2)]
    assert [(batch.topic, len(batch.records)) for batch, _ in room.take(1).batches] == [(SHOP, 1)]
    assert (room.take(1).batches, room.empty, room.records) == ([], False, 0)
    room.stand({}, reads_on=True)
    assert [batch.records[0].offset for batch, _ in room.take(1).batches] == [2]


def test_a_topic_that_stands_still_is_paused() -> None:
    """Until it is to be read on, or the standstill is over."""
    room = Room()
    room.stand({WEB: 0}, reads_on=False)
    assert room.held == {WEB}
    room.take(1)
    assert room.held == {WEB}
    room.stand({WEB: 5}, reads_on=True)
    assert room.held == set()
