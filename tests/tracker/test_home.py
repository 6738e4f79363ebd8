import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import murmur2 as theirs

from tracker.home import home, murmur2


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_the_hash_is_that_of_kafkas_producers(key: bytes, hashed: int) -> None:
    """The examples of Kafka's own tests, which give them as signed integers."""
    assert murmur2(key) == hashed & 0xFFFFFFFF


@given(st.binary(max_size=64))
def test_the_hash_agrees_with_another_client(key: bytes) -> None:
    """kafka-python computes the same for any key."""
    assert murmur2(key) == theirs(key) & 0xFFFFFFFF


@given(st.text(max_size=40), st.integers(1, 500))
def test_everyone_has_a_home(customer: str, partitions: int) -> None:
    """The home is one of the partitions, the same every time."""
    assert 0 <= home(customer, partitions) < partitions
    assert home(customer, partitions) == home(customer, partitions)
