from hypothesis import given
from hypothesis import strategies as st

from streams.outbox import pack, unpack
from tracker.plan import Message

messages = st.builds(Message, st.sampled_from(["a", "b"]), st.integers(0, 9), st.none() | st.binary(), st.binary())


@given(st.lists(messages, min_size=1), st.integers(0, 2**53), st.integers(0, 2**50))
def test_what_is_packed_unpacks(content, epoch, sequence) -> None:
    """A parcel comes out of the store as it went in, keys without bytes and empty values included."""
    blob, last = pack(3, epoch, sequence, content)
    parcel = unpack(blob)
    assert (parcel.partition, parcel.epoch, parcel.messages) == (3, epoch, content)
    assert (parcel.first_sequence, last) == (sequence + 1, sequence + len(content))


def test_nothing_to_say_is_no_blob() -> None:
    """A batch without messages leaves the outbox and the numbers alone."""
    assert pack(0, 1, 7, []) == (b"", 7)


def test_parcels_number_on() -> None:
    """The next parcel begins after the last one's last number."""
    one = [Message("t", 0, None, b"")] * 3
    _, last = pack(0, 1, 0, one)
    blob, _ = pack(0, 1, last, one)
    assert unpack(blob).first_sequence == 4
