from hypothesis import given
from hypothesis import strategies as st

from streams.worker.cache import ENTRY_BYTES, Cache

partitions = st.integers(0, 2)
customers = st.sampled_from("abcdef")
steps = st.one_of(
    st.tuples(st.just("put"), partitions, st.dictionaries(customers, st.binary(max_size=300), max_size=4)),
    st.tuples(st.just("get"), partitions, customers),
    st.tuples(st.just("drop"), partitions, st.none()),
)


@given(st.lists(steps, max_size=60), st.integers(0, 4_000))
def test_it_never_says_what_is_not_so(story, limit_bytes) -> None:
    """Whatever is put, seen and dropped in whatever order: a hit is the newest record, and the bound holds."""
    cache, truth = Cache(limit_bytes), {}
    for word, partition, what in story:
        if word == "put":
            cache.put(partition, what)
            truth |= {(partition, customer): record for customer, record in what.items()}
        elif word == "get":
            assert get(cache, partition, what) in (None, truth.get((partition, what)))
        else:
            cache.drop(partition)
            truth = {place: record for place, record in truth.items() if place[0] != partition}
        assert cache._young_bytes == size(cache._young) <= limit_bytes // 2
        assert size(cache._old) <= limit_bytes // 2


def get(cache, partition, customer):
    return cache.read(partition, [customer])[customer]


def size(generation) -> int:
    records = [(name, record) for by_name in generation.values() for name, record in by_name.items()]
    return sum(len(name) + len(record) + ENTRY_BYTES for name, record in records)


def test_who_is_seen_stays() -> None:
    """A customer looked at again and again survives any number of others."""
    cache = Cache(20_000)
    cache.put(0, {"regular": b"r"})
    for number in range(1_000):
        cache.put(0, {f"passer-by {number}": b"p" * 50})
        assert get(cache, 0, "regular") == b"r"


def test_who_is_not_seen_goes() -> None:
    """A customer whom nobody asks for makes room."""
    cache = Cache(20_000)
    cache.put(0, {"once": b"o"})
    cache.put(0, {f"passer-by {number}": b"p" * 50 for number in range(1_000)})
    assert get(cache, 0, "once") is None


def test_a_cache_of_nothing_keeps_nothing() -> None:
    """A bound of 0 bytes switches it off."""
    cache = Cache(0)
    cache.put(0, {"a": b"A", "b": b"B"})
    assert cache.read(0, ["a", "b"]) == {"a": None, "b": None}


def test_more_than_fits_is_kept_in_part() -> None:
    """A batch above the bound leaves its last records, and nothing old of the others."""
    cache = Cache(2_000)
    cache.put(0, {"a": b"old"})
    batch = {name: name.encode() * 100 for name in "abcdefghi"}
    cache.put(0, batch)
    found = cache.read(0, list(batch))
    assert found["i"] == batch["i"]
    assert all(record in (None, batch[name]) for name, record in found.items())


def test_who_is_erased_is_gone() -> None:
    """From both generations, and the bound counts them no more."""
    cache = Cache(2_000)
    cache.put(0, {"old": b"o" * 900})
    cache.put(0, {"young": b"y" * 100})
    cache.forget(0, ["old", "young", "never seen"])
    assert (get(cache, 0, "old"), get(cache, 0, "young")) == (None, None)
    assert cache._young_bytes == 0
