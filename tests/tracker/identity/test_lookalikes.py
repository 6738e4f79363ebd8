"""Ids that differ by their spelling alone."""

import pytest

from tracker.identity.lookalikes import Lookalike, lookalikes


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("c-17", "C-17", "case"),
        ("A 17", "A17", "blanks"),
        ("12345", "12345.0", "decimals"),
        ("12345.00", "12345", "decimals"),
        ("shop@se:A 7", "shop@se:A7", "blanks"),
        ("anonymous_id:straße", "anonymous_id:STRASSE", "case"),
        ("customer_id:a:b", "customer_id:A:b", "case"),
    ],
)
def test_spellings_of_one_id_are_told(one: str, other: str, differ: str) -> None:
    """Once, whichever comes first and however often they come."""
    assert list(lookalikes([one, "x", other, one, other])) == [Lookalike(one, other, differ)]
    assert list(lookalikes([other, one])) == [Lookalike(other, one, differ)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("c-17", "c-18"),
        ("anonymous_id:a", "A"),
        ("shop@se:12", "shop@no:12.0"),
        ("1.5", "15"),
        ("10", "1.0"),
        ("v1.0", "v1"),
    ],
)
def test_other_ids_do_not_look_alike(one: str, other: str) -> None:
    """Another kind, another number, a version."""
    assert list(lookalikes([one, other])) == []


def test_each_further_spelling_is_told_beside_the_first() -> None:
    """Three spellings are two findings."""
    assert [(one.one, one.other) for one in lookalikes(["7", "7.0", "7.00"])] == [("7", "7.0"), ("7", "7.00")]
