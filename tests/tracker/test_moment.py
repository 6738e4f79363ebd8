from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.moment import candidates, milliseconds

HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T10:42:00Z", "2026-01-05T10:42:00"),
        ("2026-01-05 10:42", "2026-01-05T08:42:00"),
        ("2026-01-05 10.42", "2026-01-05T08:42:00"),
        ("2026-01-05 10.42.30", "2026-01-05T08:42:30"),
        ("2026-01-05 7:05", "2026-01-05T05:05:00"),
        ("2026-01-05 6:49:18", "2026-01-05T04:49:18"),
        ("2026-1-5", "2026-01-04T22:00:00"),
        ("2026/01/05 10:42", "2026-01-05T08:42:00"),
        ("2026.01.05 10:42", "2026-01-05T08:42:00"),
        ("20260105T104200Z", "2026-01-05T10:42:00"),
        ("2026-01-05 10:42:00 UTC", "2026-01-05T10:42:00"),
        ("2026-01-05 10:42:00 +0000", "2026-01-05T10:42:00"),
        ("2026-01-05T10:42:00.000+0100", "2026-01-05T09:42:00"),
        ("2026-01-05T10:42:00.123456789Z", "2026-01-05T10:42:00.123"),
        ("2026-01-05 12:05 AM", "2026-01-04T22:05:00"),
        ("5 Jan 2026 10.42", "2026-01-05T08:42:00"),
        ("January 5, 2026, 1:05 p.m.", "2026-01-05T11:05:00"),
    ],
)
def test_moments_are_read_as_people_write_them(text, moment) -> None:
    """Hours without a zero, dots for colons, months by name, blanks before an offset; the zone is that of the place."""
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000
    assert milliseconds(text, HELSINKI) == round(expected)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-01-05 10.5", "2026-01-05 10:42.5", "2026-01-05 10.42.30.5", "2026-02-30",
     "2026-01-05 24:00", "2026-01-05 13:05 PM", "5 Foo 2026", "05/01/2026", "05.01.2026 10.42",
     "1795179900", "2026-01-05 10:42 +9900", "2026-01-05 10:42" + " " * 99 + "x"],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_no_moment(text) -> None:
    """Nothing is guessed: neither the order of day and month, nor a fraction of an hour or a minute."""
    assert milliseconds(text) is None


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("05/01/2026 10:42", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]),
        ("25.1.2026 10.42", ["%d.%m.%Y %H.%M"]),
        ("1/25/26, 7:05:09 PM", ["%m/%d/%y, %I:%M:%S %p"]),
        ("2026-01-05", []),
        ("yesterday", []),
    ],
)
def test_formats_are_proposed(text, formats) -> None:
    """Each proposed format reads the text; there are two where day and month could change places."""
    assert candidates(text) == formats
    for each in formats:
        assert datetime.strptime(text, each).year == 2026  # noqa: DTZ007  # the year is all that is asked


@given(st.datetimes(timezones=st.timezones()))
def test_what_programs_write_is_read(moment) -> None:
    """ISO 8601, whatever the zone, comes back to the millisecond."""
    assert milliseconds(moment.isoformat()) == round(moment.timestamp() * 1000)


@given(st.text())
def test_no_text_is_a_fault(text) -> None:
    """Any text is a moment or none."""
    assert isinstance(milliseconds(text), int | None)
    assert isinstance(candidates(text), list)
