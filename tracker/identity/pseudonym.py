"""E-mail addresses and phone numbers as hashes: the address itself is never sent on.

Two systems that know the same address must compute the same hash, so the spelling is normalised first. With a key the
hash is `hmac-` and the HMAC-SHA-256 of the plain hash. Somebody with a list of all addresses still cannot find whose it
is. The prefix lets a hash that is already keyed pass a second collector unchanged.
"""

import hmac
import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

from tracker.identity.kinds import ACCOUNT
from tracker.identity.placeholders import HASHED, NOBODY, means_nobody

_NO_DIGITS: Final = re.compile(r"[\s().\-/\u00a0]")
_PHONE: Final = re.compile(r"\+[0-9]{6,15}")
_PLAIN: Final = re.compile(r"[0-9a-f]{64}")
_KEYED: Final = re.compile(r"hmac-[0-9a-f]{64}")
# Bounded repetitions: no text makes it slow.
EMAIL: Final = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
PHONE: Final = re.compile(r"\+[0-9][0-9 ().\-/]{6,20}")
RAW: Final = {"email": "email_sha256", "phone": "phone_sha256"}
"""By key for a plain address or number: the alias that it becomes."""

Treatment = Literal["keyed", "sha256", "keep", "drop"]
"""How addresses are treated: keyed hash, plain SHA-256 (which uploads to other systems need), unchanged, or dropped."""


def email_sha256(address: str) -> str | None:
    """SHA-256, in hexadecimal, of an address in lower case without blanks around it; None where the text is none."""
    plain = unicodedata.normalize("NFC", address).strip().lower()
    name, _, host = plain.rpartition("@")
    return sha256(plain.encode(errors="surrogatepass")).hexdigest() if name and host else None


def phone_sha256(number: str) -> str | None:
    """SHA-256, in hexadecimal, of a number as `+46701234567`; None where it has no country code."""
    plain = _NO_DIGITS.sub("", number)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    return sha256(plain.encode()).hexdigest() if _PHONE.fullmatch(plain) else None


def keyed(given: str, key: str | None) -> str | None:
    """The hash to send on for a plain one: keyed where there is a key.

    None where the text is no hash, or the hash of a text that means nobody.
    """
    if _KEYED.fullmatch(given):
        return given
    plain = given.strip().lower()
    if not _PLAIN.fullmatch(plain) or plain in NOBODY:
        return None
    return _keyed(plain, key) if key else plain


def nobodies(key: str) -> frozenset[str]:
    """The keyed hashes of texts that mean nobody, which a sender with the key may have made."""
    return frozenset(_keyed(sha256(text.encode()).hexdigest(), key) for text in HASHED)


def _keyed(plain: str, key: str) -> str:
    return f"hmac-{hmac.digest(key.encode(), plain.encode(), sha256).hex()}"


def hidden(ids: Mapping[str, Any], key: str | None, treatment: Treatment = "keyed") -> dict[str, Any]:
    """The aliases with a hash in place of each address and number, even of one sent as a `customer_id`.

    That one is an alias of the person too. The address of an account is not: all its people would share it.
    """
    made: dict[str, Any] = {}
    for kind, value in ids.items():
        if kind in RAW:
            found = hash_of(kind, value, key, treatment)
            if found is not None:
                made.setdefault(RAW[kind], found)
        elif treatment == "keyed" and kind in RAW.values() and isinstance(value, str):
            made[kind] = keyed(value, key)
        elif treatment != "keep" and isinstance(value, str) and (raw := _raw(value.strip())):
            if (found := hash_of(raw, value, key, treatment)) is not None:
                made[kind] = found
                if kind != ACCOUNT:
                    made[RAW[raw]] = found
        elif treatment != "keep" and isinstance(value, str) and "@" in value:
            made[kind] = EMAIL.sub(lambda found: hash_of("email", found[0], key, treatment) or "", value)
        else:
            made[kind] = value
    return made


def _raw(text: str) -> str | None:
    """The key of RAW that a whole text is a value of; None for other texts."""
    if text[:1] == "+" and PHONE.fullmatch(text):
        return "phone"
    return "email" if "@" in text and EMAIL.fullmatch(text) else None


def hash_of(kind: str, value: Any, key: str | None, treatment: Treatment) -> str | None:
    """The hash of an `email` or a `phone` by a treatment; None where the value has none."""
    if treatment == "drop" or not isinstance(value, str) or means_nobody(value.strip()):
        return None
    plain = email_sha256(value) if kind == "email" else phone_sha256(value)
    return keyed(plain, key) if plain and treatment != "sha256" else plain
