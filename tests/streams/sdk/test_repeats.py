import json
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from streams.sdk.repeats import Mark, Origin, Repeats, transition_id


@dataclass
class Message:
    epoch: int
    sequence: int
    home: int = 0
    topic: str = "journey.transitions"
    partition: int = 0
    headers: list = field(default_factory=list)
    generation: bytes = b""

    def __post_init__(self) -> None:
        marks = {"partition": self.home, "epoch": self.epoch, "sequence": self.sequence}
        self.headers = [(name, b"%d" % number) for name, number in marks.items()]
        if self.generation:
            self.headers.append(("generation", self.generation))


def test_the_same_again_is_dropped() -> None:
    """A message that came before, under the same epoch or a newer one's successors, is a repeat."""
    repeats = Repeats()
    assert [repeats.is_new(Message(1, number)) for number in (1, 2, 2, 1, 3)] == [True, True, False, False, True]
    assert repeats.is_new(Message(2, 4))
    assert not repeats.is_new(Message(1, 3))
    assert repeats.dropped == 3


def test_sources_stand_apart() -> None:
    """Home partitions, topics and the partitions of a topic each have an order of their own."""
    repeats = Repeats()
    assert repeats.is_new(Message(5, 9))
    assert repeats.is_new(Message(5, 1, home=1))
    assert repeats.is_new(Message(5, 1, topic="touchpoints.rejected"))
    assert repeats.is_new(Message(5, 1, partition=3))


def test_gaps_are_no_matter() -> None:
    """Sequences are shared by all topics of a partition, so one topic does not see every number."""
    repeats = Repeats()
    assert list(repeats.fresh([first := Message(1, 4), Message(1, 4), last := Message(1, 90)])) == [first, last]


def test_strangers_pass() -> None:
    """A message without the headers, or with headers of somebody else's making, is handled."""
    repeats = Repeats()
    stranger = Message(1, 1)
    stranger.headers = [("epoch", b"one")]
    assert repeats.is_new(stranger)
    stranger.headers = ()
    assert repeats.is_new(stranger)
    assert not repeats.highest


def test_a_kept_mark_outlives_a_restart() -> None:
    """A consumer that begins with what it had kept drops what its predecessor handled."""
    before = Repeats()
    before.is_new(Message(3, 7))
    assert before.highest == {Origin("journey.transitions", 0, 0): Mark(3, 7)}
    assert not Repeats(before.highest).is_new(Message(3, 7))


def test_a_rebuild_is_new_and_counted() -> None:
    """After Redis has lost writes, the same may be published again under a newer epoch: it passes, and is counted."""
    repeats = Repeats()
    assert repeats.is_new(Message(1, 100))
    assert repeats.is_new(Message(2, 98))
    assert repeats.is_new(Message(2, 99))
    assert repeats.rebuilds == {0: 1}


def test_numbers_of_another_generation_are_new() -> None:
    """Where the store was emptied, epochs and sequences begin again at low values, and nothing is dropped."""
    repeats = Repeats()
    assert repeats.is_new(Message(1_790_000_000_000, 100, generation=b"a"))
    assert repeats.is_new(Message(1, 1, generation=b"b"))
    assert not repeats.is_new(Message(1_790_000_000_000, 100, generation=b"a"))
    assert not repeats.is_new(Message(1, 1, generation=b"b"))
    assert (repeats.dropped, repeats.rebuilds) == (2, {0: 1})


def test_sequences_that_go_on_are_no_rebuild() -> None:
    """A new owner has a new generation, and its numbers follow those of the one before."""
    repeats = Repeats()
    assert all(repeats.is_new(Message(number, number, generation=b"g%d" % number)) for number in range(1, 9))
    assert repeats.rebuilds == {}


def test_few_generations_are_remembered() -> None:
    """Of each home the last four, so that what is kept does not grow with the restarts of workers."""
    repeats = Repeats()
    for number in range(1, 9):
        repeats.is_new(Message(number, number, generation=b"g%d" % number))
    assert [origin.generation for origin in repeats.highest] == ["g5", "g6", "g7", "g8"]


def test_marks_of_before_there_were_generations_are_accepted() -> None:
    """Kept as plain tuples, they hold for messages without a generation, and the first with one is new."""
    repeats = Repeats({("journey.transitions", 0, 0): (3, 7)})
    assert not repeats.is_new(Message(3, 7))
    assert repeats.is_new(Message(4, 8, generation=b"a"))
    assert repeats.rebuilds == {}


def test_what_was_published_before_a_rebuild_is_dropped() -> None:
    """It bears the header `again`; its number counts as seen, and whoever wants it gets it."""
    repeats, keeping = Repeats(), Repeats(keep_again=True)
    message = Message(1, 4, generation=b"a")
    message.headers.append(("again", b"1"))
    assert not repeats.is_new(message)
    assert (repeats.again, repeats.dropped) == (1, 0)
    assert not repeats.is_new(Message(1, 4, generation=b"a"))
    assert keeping.is_new(message)


def test_a_transition_has_one_id() -> None:
    """It is made of whom, what, where and when; what was published before or by another version has the same."""
    said = {"kind": "advanced", "customer": "c1", "journey": "retail", "version": 1, "stage": "cart", "at_ms": 5}
    first = transition_id(json.dumps(said).encode())
    assert len(first) == 32
    assert transition_id(json.dumps(said | {"again": True, "version": 2, "skipped": ["seen"]}).encode()) == first
    others = [{"customer": "c2"}, {"kind": "returned"}, {"stage": "seen"}, {"at_ms": 6}, {"instance": "x"}]
    assert first not in {transition_id(json.dumps(said | other).encode()) for other in others}


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 5)), max_size=20))
def test_redelivery_changes_nothing(replays: list[tuple[int, int]]) -> None:
    """However often a consumer is set back within what it has read, every message is handled exactly once."""
    stream = [Message(1 + number // 10, number) for number in range(1, 31)]
    repeats, handled, at = Repeats(), [], 0
    for ahead, back in [*replays, (30, 0)]:
        handled += repeats.fresh(stream[at : at + ahead])
        at = max(0, min(at + ahead, len(stream)) - back)
    handled += repeats.fresh(stream[at:])
    assert handled == stream
