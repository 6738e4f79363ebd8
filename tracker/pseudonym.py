"""E-mail addresses and phone numbers as the hashes that stand for them: the address itself never travels.

Two systems that know the same address must make the same hash of it, so how it is written is evened out first.
"""

import re
import unicodedata
from hashlib import sha256
from typing import Final

_NO_DIGITS: Final = re.compile(r"[\s().\-/\u00a0]")
_PHONE: Final = re.compile(r"\+[0-9]{6,15}")


def email_sha256(address: str) -> str | None:
    """SHA-256, in hexadecimal, of an address in lower case without blanks around it; None where it is none."""
    plain = unicodedata.normalize("NFC", address).strip().lower()
    name, _, host = plain.rpartition("@")
    return sha256(plain.encode()).hexdigest() if name and host else None


def phone_sha256(number: str) -> str | None:
    """SHA-256, in hexadecimal, of a number as `+46701234567`; None where it has no country code to be told apart by."""
    plain = _NO_DIGITS.sub("", number)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    return sha256(plain.encode()).hexdigest() if _PHONE.fullmatch(plain) else None
