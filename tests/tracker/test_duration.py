import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d12h", 129_600), ("2w", 1_209_600), ("0s", 0)]
)
def test_a_duration_is_numbers_with_units(text: str, seconds: int) -> None:
    """A duration is read as the sum of its parts."""
    assert duration.parse(text) == seconds * 1000


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("30", "30d"),
        ("30 days", "write 30d"),
        ("-3d", "minus"),
        ("2 months", "60d"),
        ("1 year", "365d"),
        ("1.5h", "whole number"),
        ("12h1d", "such as"),
        ("99999999999999d", "3660d"),
        ("", "such as"),
        ("٣d", "such as"),
    ],
)
def test_what_is_no_duration_is_met_with_a_remedy(text: str, remedy: str) -> None:
    """Each usual slip has a remedy of its own."""
    with pytest.raises(duration.DurationError) as caught:
        duration.parse(text)
    assert remedy in caught.value.remedy


@given(st.integers(0, duration.LONGEST_MS // 1000))
def test_what_is_shown_reads_as_the_same(seconds: int) -> None:
    """Whole seconds survive being shown and read again."""
    assert duration.parse(duration.show(seconds * 1000)) == seconds * 1000


@given(st.text(max_size=50))
def test_no_text_breaks_it(text: str) -> None:
    """Any text is a duration of zero or more, or a DurationError."""
    read = 0
    with contextlib.suppress(duration.DurationError):
        read = duration.parse(text)
    assert read >= 0


def test_a_window_may_be_as_long_as_one_likes() -> None:
    """Longer than ten years where the caller allows it, and after any moment still less than 64 bits hold."""
    assert duration.parse("40000d", duration.LONGEST_WINDOW_MS) == 40_000 * 86_400_000
    assert duration.LONGEST_WINDOW_MS + 2**48 < 2**63
    with pytest.raises(duration.DurationError, match="longer than 30000000000 days"):
        duration.parse("30000000001d", duration.LONGEST_WINDOW_MS)
