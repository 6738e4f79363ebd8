from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.imports.values import KINDS, Unfit, lookup

STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.mark.parametrize(
    ("kind", "given", "form", "made"),
    [
        ("text", " a ", None, "a"),
        ("text", 17, None, "17"),
        ("text", True, None, "true"),
        ("number", "49.90", None, 49.9),
        ("number", "17", None, 17),
        ("number", 1.5, None, 1.5),
        ("number_with_comma", "1 049,90", None, 1049.9),
        ("number_with_comma", "1.049,90", None, 1049.9),
        ("whole", "3.0", None, 3),
        ("yes", "No", None, False),
        ("url_path", "https://shop.example.com/spring?a=1", None, "/spring"),
        ("url_path", "https://shop.example.com", None, "/"),
        ("time", "2026-11-20 14:05", None, 1_795_179_900_000),
        ("time", "2026-11-20T13:05:00Z", None, 1_795_179_900_000),
        ("time", "2026-11-20 13:05:00 UTC", None, 1_795_179_900_000),
        ("time", "20/11/2026 14:05", "%d/%m/%Y %H:%M", 1_795_179_900_000),
        ("time", 1_795_179_900_000, None, 1_795_179_900_000),
        ("seconds", "1795179900.5", None, 1_795_179_900_500),
        ("milliseconds", "1795179900000", None, 1_795_179_900_000),
        ("microseconds", "1795179900123456", None, 1_795_179_900_123),
        ("email_sha256", "AB" * 32, None, "ab" * 32),
    ],
)
def test_values_are_made(kind, given, form, made) -> None:
    """Numbers, times and words as other systems write them become what touchpoints hold."""
    assert KINDS[kind](given, form, STOCKHOLM) == made


@pytest.mark.parametrize(
    ("kind", "given"),
    [("number", "a lot"), ("number", "1,5"), ("number", True), ("number", "nan"), ("whole", "1.5"), ("yes", "maybe"),
     ("url_path", "http://["), ("time", "yesterday"), ("time", "1795179900"), ("text", ["a"]),
     ("email_sha256", "nobody"), ("phone_sha256", "070")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind, given) -> None:
    """Nothing is guessed."""
    with pytest.raises(Unfit):
        KINDS[kind](given, None, STOCKHOLM)


@given(kind=st.sampled_from(sorted(KINDS)), value=st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_no_value_is_a_fault(kind, value) -> None:
    """Whatever stands in a file, it is made into something or refused."""
    try:
        KINDS[kind](value, None, STOCKHOLM)
    except Unfit:
        return


def test_places_in_json_are_found() -> None:
    """A column is found by its name, by its path, in lists by number, and in lists of keys by key."""
    row = {
        "a.b": 1,
        "a": {"b": 2, "c": [{"d": 3}]},
        "p": [{"key": "k", "value": {"string_value": None, "int_value": "4"}}],
    }
    assert [lookup(row, name) for name in ("a.b", "a.c.0.d", "p.k", "a.c.1.d", "p.x", "z")] == [
        1,
        3,
        "4",
        None,
        None,
        None,
    ]
    assert lookup({"a": "  "}, "a") is None
