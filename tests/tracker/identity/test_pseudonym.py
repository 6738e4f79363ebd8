from hashlib import sha256

import pytest

from tracker.identity.pseudonym import email_sha256, hidden, keyed, phone_sha256


def test_one_address_has_one_hash() -> None:
    """Case and blanks around it make no difference; what is no address has no hash."""
    expected = sha256(b"ann@example.com").hexdigest()
    assert {email_sha256("ann@example.com"), email_sha256("  Ann@Example.COM ")} == {expected}
    assert [email_sha256(text) for text in ("", "ann", "@example.com", "ann@")] == [None] * 4


@pytest.mark.parametrize("written", ["+46 70-123 45 67", "0046701234567", "+46(70)123.45.67"])
def test_one_number_has_one_hash(written) -> None:
    """However it is written, as long as the country is said."""
    assert phone_sha256(written) == sha256(b"+46701234567").hexdigest()


@pytest.mark.parametrize("written", ["", "070-123 45 67", "call me", "+46"])
def test_a_number_without_its_country_is_none(written) -> None:
    """The same digits are other people's elsewhere."""
    assert phone_sha256(written) is None


def test_a_key_makes_another_hash_that_is_keyed_once() -> None:
    """The plain hash of an address and one that was keyed before give the same; without a key the plain one stays."""
    plain = email_sha256("ann@example.com")
    once = keyed(plain, "a key")
    assert once.startswith("hmac-") and keyed(once, "a key") == keyed(once, "another") == once
    assert keyed(plain, "another") != once and keyed(plain, None) == keyed(plain.upper(), None) == plain
    assert keyed("no hash", "a key") is None


@pytest.mark.parametrize("key", [None, "a key"])
def test_an_address_is_hidden_wherever_it_is_an_alias(key) -> None:
    """As `email`, as the hash of it, and as a customer_id, it is the same alias."""
    plain = email_sha256("ann@example.com")
    alias = keyed(plain, key)
    assert hidden({"email": "Ann@Example.com"}, key) == hidden({"email_sha256": plain}, key) == {"email_sha256": alias}
    assert hidden({"customer_id": "ann@example.com"}, key) == {"customer_id": alias, "email_sha256": alias}
    number = hidden({"phone": "+46 70 123 45 67"}, key)["phone_sha256"]
    assert hidden({"anonymous_id": "+46701234567"}, key) == {"anonymous_id": number, "phone_sha256": number}
    assert hidden({"customer_id": "shop:ann@example.com"}, key) == {"customer_id": f"shop:{alias}"}
    assert hidden(hidden({"email": "ann@example.com", "customer_id": "c-1"}, key), key)["email_sha256"] == alias


@pytest.mark.parametrize("treatment", ["keyed", "sha256"])
def test_the_address_of_an_account_is_hidden_and_no_alias(treatment) -> None:
    """All people of the account would share it, and become one person."""
    for value in ("info@acme.example", "+46701234567"):
        made = hidden({"anonymous_id": "a-1", "account_id": value}, "a key of some length", treatment)
        assert made.keys() == {"anonymous_id", "account_id"}
        assert value not in made.values()
