"""The log's short ids: equal for one event, different for two."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from tracker.records.log import ID_BYTES, holds_id, is_browsers, latest, readable_id, short_id, twin


def test_uuids_that_count_up_stay_apart() -> None:
    """They differ in their last bytes alone."""
    assert len({short_id(str(uuid.UUID(int=number))) for number in range(10_000)}) == 10_000


def test_upper_and_lower_case_are_one_uuid() -> None:
    """Producers write them as they like."""
    event_id = str(uuid.UUID(int=0xABCDEF << 90))
    assert short_id(event_id) == short_id(event_id.upper())


def test_ids_that_share_a_long_beginning_stay_apart() -> None:
    """A shop's `order-2026-11-22-…` is no duplicate of the next one."""
    assert len({short_id(f"order-2026-11-22-{number}") for number in range(10_000)}) == 10_000


@given(st.sets(st.text(min_size=1, max_size=40), min_size=2, max_size=20))
def test_different_ids_have_different_short_ids(ids: set[str]) -> None:
    """Short ones are kept whole, long ones hashed."""
    assert len({short_id(one) for one in ids}) == len(ids)


@given(st.lists(st.binary(min_size=ID_BYTES, max_size=ID_BYTES), max_size=8), st.binary(min_size=ID_BYTES, max_size=12))
def test_an_id_is_found_at_its_own_place_alone(ids: list[bytes], sought: bytes) -> None:
    """Bytes that lie across two ids are none."""
    assert holds_id(b"".join(ids), sought) == (sought in ids)


@given(st.sets(st.text(min_size=1, max_size=40), min_size=1, max_size=20))
def test_each_id_has_two_forms_and_shows_whose_it_is(ids: set[str]) -> None:
    """A browser's and a server's, each the other's twin, and no id's is another's."""
    forms = {one: (short_id(one), short_id(one, True)) for one in ids}
    assert all((twin(server), twin(browser)) == (browser, server) for server, browser in forms.values())
    assert all((is_browsers(server), is_browsers(browser)) == (False, True) for server, browser in forms.values())
    assert len({form for each in forms.values() for form in each}) == 2 * len(ids)


def test_a_browsers_id_reads_as_a_servers() -> None:
    """People know the id, and not its twin."""
    assert readable_id(short_id("order-1001", True)) == "order-1001"


def test_a_browsers_ids_are_forgotten_first() -> None:
    """The oldest of them; a server's only where no browser's is left."""
    own, junk = [short_id(f"o{place}") for place in range(3)], [short_id(f"j{place}", True) for place in range(4)]
    mixed = b"".join([own[0], *junk, *own[1:]])
    assert latest(mixed, 5 * ID_BYTES) == b"".join([own[0], *junk[2:], *own[1:]])
    assert latest(mixed, 2 * ID_BYTES) == b"".join(own[1:])
    assert latest(mixed, 9 * ID_BYTES) == mixed
