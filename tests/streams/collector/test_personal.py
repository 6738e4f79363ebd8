"""E-mail addresses and phone numbers in the collector."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.collector.personal import Pseudonyms
from tracker.identity.pseudonym import email_sha256

OURS = Pseudonyms("a key of the tests")


def test_the_hash_has_a_key() -> None:
    """Another key gives another hash; the plain one of the same address becomes the same."""
    ids = OURS.ids({"email": "Ann@Example.com"}, "keyed")
    assert ids == OURS.ids({"email_sha256": email_sha256("ann@example.com")}, "keyed")
    assert ids != Pseudonyms("another key").ids({"email": "ann@example.com"}, "keyed")
    assert ids["email_sha256"] != email_sha256("ann@example.com")


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("sha256", {"email_sha256": email_sha256("a@b.se")}), ("drop", {})],
)
def test_a_source_may_choose_its_treatment(treatment, expected) -> None:
    """`sha256` makes plain hashes, and `drop` removes the alias."""
    assert OURS.ids({"email": "a@b.se"}, treatment) == expected


def test_what_is_no_address_is_no_alias() -> None:
    """A number without its country code and a word that is no address are left out of the aliases."""
    assert OURS.ids({"email": "none", "phone": "070 123", "customer_id": "c"}, "keyed") == {"customer_id": "c"}


@given(st.text(max_size=30), st.sampled_from(["a@example.com", "Ann.B+x@mail.example.co.uk"]), st.text(max_size=30))
def test_no_address_passes(before, address, after) -> None:
    """An address is replaced wherever it is in a text or a name."""
    tidy = OURS.tidy({"a": [{f"{before} {address} {after}": f"{before} {address} {after}"}]}, "keyed")
    assert address not in str(tidy)


@pytest.mark.parametrize(
    ("name", "value"), [("phone", "070-123 45 67"), ("Mobile_Phone", 46701234567), ("x", "+46 70 1234567")]
)
def test_numbers_are_known_by_their_name_or_form(name, value) -> None:
    """A phone number is recognised by its country code, or by the name of its field."""
    assert OURS.tidy({name: value}, "keyed")[name].startswith("phone:")


def test_other_values_stay() -> None:
    """Amounts, dates and codes are not taken for phone numbers."""
    kept = {"amount": 46701234567, "at": "2026-11-22T10:00:00+01:00", "code": "+5", "handle": "@ann", "flag": True}
    assert OURS.tidy(kept, "keyed") == kept
