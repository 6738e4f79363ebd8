from hypothesis import given
from hypothesis import strategies as st

from streams.clients.outbox import OutboxBatch, pack, unpack
from tracker.planning.message import Message

messages = st.builds(Message, st.sampled_from(["a", "b"]), st.integers(0, 9), st.none() | st.binary(), st.binary())


@given(st.lists(messages, min_size=1), st.integers(0, 2**53), st.integers(0, 2**50))
def test_what_is_packed_unpacks(content, epoch, sequence) -> None:
    """A batch comes out of the store as it went in, keys without bytes and empty values included."""
    batch = OutboxBatch(3, epoch, sequence, content)
    assert unpack(pack(batch)) == batch
    assert batch.last_sequence == sequence + len(content) - 1


def test_nothing_to_say_is_no_blob() -> None:
    """A batch without messages leaves the outbox and the numbers alone."""
    batch = OutboxBatch(0, 1, 8, [])
    assert (pack(batch), batch.last_sequence) == (b"", 7)
