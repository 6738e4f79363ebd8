"""E-mail addresses and phone numbers at the door: keyed hashes stand for them, or nothing does.

A plain hash of an address is found by trying all addresses; one with a key is not. The same key gives the same hash,
so that customers are still recognised.
"""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

from tracker.pseudonym import email_sha256, phone_sha256

Treatment = Literal["keyed", "sha256", "keep", "drop"]
"""What becomes of them: keyed hashes, plain SHA-256 (as other systems' uploads want it), as they are, or nothing."""

# Bounded repetitions: no text makes it slow.
EMAIL: Final = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
PHONE: Final = re.compile(r"\+[0-9][0-9 ().\-/]{6,20}")
PHONE_NAMES: Final = frozenset(
    {"phone", "phonenumber", "mobile", "mobilephone", "telephone", "tel", "msisdn", "cellphone", "whatsapp"}
)
_HASHED: Final = re.compile(r"[0-9a-f]{64}")
# Where a table of `schemas/` puts what it has found, beside the kinds of alias that travel.
RAW: Final = {"email": "email_sha256", "phone": "phone_sha256"}


class Pseudonyms:
    """Hashes under one key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def keyed(self, plain_hash: str) -> str:
        """The keyed hash that stands for a plain one."""
        return hmac.digest(self._key, plain_hash.encode(), sha256).hex()

    def ids(self, ids: Mapping[str, Any], treatment: Treatment) -> dict[str, Any]:
        """The aliases with raw addresses and numbers replaced; an address as a `customer_id` is one too."""
        made: dict[str, Any] = {}
        for kind, value in ids.items():
            if kind in RAW:
                found = self._of(kind, value, treatment)
                if found is not None:
                    made.setdefault(RAW[kind], found)
            elif treatment == "keyed" and kind in RAW.values() and isinstance(value, str):
                plain = value.strip().lower()
                made[kind] = self.keyed(plain) if _HASHED.fullmatch(plain) else None
            elif treatment != "keep" and isinstance(value, str) and EMAIL.fullmatch(value.strip()):
                if (found := self._of("email", value, treatment)) is not None:
                    made[kind] = made["email_sha256"] = found
            else:
                made[kind] = value
        return made

    def _of(self, kind: str, value: Any, treatment: Treatment) -> str | None:
        if treatment == "drop" or not isinstance(value, str):
            return None
        plain = email_sha256(value) if kind == "email" else phone_sha256(value)
        return self.keyed(plain) if plain and treatment != "sha256" else plain

    def tidy(self, value: Any, treatment: Treatment, name: str = "") -> Any:
        """The value with every address and number in it replaced, however deep. Its depth must be bounded."""
        if isinstance(value, str):
            return self._text(value, treatment, name)
        if isinstance(value, dict):
            return {self._text(key, treatment): self.tidy(each, treatment, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.tidy(each, treatment, name) for each in value]
        if isinstance(value, int) and not isinstance(value, bool) and _plain(name) in PHONE_NAMES:
            return self._stand_in("phone", f"+{value}", treatment)
        return value

    def _text(self, text: str, treatment: Treatment, name: str = "") -> str:
        if "@" in text:
            text = EMAIL.sub(lambda found: self._stand_in("email", found[0], treatment), text)
        if PHONE.fullmatch(text) or (name and _plain(name) in PHONE_NAMES and any(map(str.isdigit, text))):
            return self._stand_in("phone", text, treatment)
        return text

    def _stand_in(self, kind: str, text: str, treatment: Treatment) -> str:
        if treatment == "drop":
            return ""
        # A number without its country code identifies nobody elsewhere, and is still not for anybody to read.
        plain = self._of(kind, text, treatment) or self.keyed(text)
        return f"{kind}:{plain}"


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
