from hashlib import sha256

import pytest

from tracker.pseudonym import email_sha256, phone_sha256


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
