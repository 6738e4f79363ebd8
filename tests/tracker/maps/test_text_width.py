from hypothesis import given
from hypothesis import strategies as st

from tracker.maps.text_width import width, wrap


def test_wide_letters_are_wider_than_narrow_ones() -> None:
    """Widths are those of the letters: W is wide, i is narrow, a mark above a letter takes no room."""
    assert width("WWW", 10) > 3 * width("iii", 10)
    assert width("é", 10) == width("e\u0301", 10) == width("e", 10)
    assert width("日", 10) == 10
    assert width("a", 10, bold=True) > width("a", 10)


def test_lines_break_between_words_and_in_words_too_long() -> None:
    """Words stay whole where they fit, and are cut where they do not."""
    assert wrap("one two three", 10, 40) == ["one two", "three"]
    assert "".join(wrap("x" * 50, 10, 40)) == "x" * 50
    assert wrap("", 10, 40) == [""]


@given(st.text(max_size=80), st.floats(20, 300))
def test_no_line_is_wider_than_its_limit_and_nothing_is_lost(text: str, limit: float) -> None:
    """Every line fits, unless it is a single letter; the words come out as they went in."""
    lines = wrap(text, 12, limit)
    assert all(width(line, 12) <= limit or len(line) <= 2 or width(line[0], 12) >= limit / 2 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
