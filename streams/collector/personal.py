"""E-mail addresses and phone numbers: replaced by keyed hashes, or dropped.

A plain hash of an address can be found by trying all addresses; a keyed one cannot. The same key gives the same hash,
so customers are still recognised.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from tracker.identity.pseudonym import EMAIL, PHONE, Treatment, hash_of, hidden, keyed

PHONE_NAMES: Final = frozenset(
    {"phone", "phonenumber", "mobile", "mobilephone", "telephone", "tel", "msisdn", "cellphone", "whatsapp"}
)


class Pseudonyms:
    """Hashes under one key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def ids(self, ids: Mapping[str, Any], treatment: Treatment) -> dict[str, Any]:
        """The aliases with raw addresses and numbers replaced."""
        return hidden(ids, self._key, treatment)

    def tidy(self, value: Any, treatment: Treatment, name: str = "") -> Any:
        """The value with every address and number in it replaced, however deep. Its depth must be bounded."""
        if isinstance(value, str):
            return self._text(value, treatment, name)
        if isinstance(value, dict):
            return {self._text(key, treatment): self.tidy(each, treatment, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.tidy(each, treatment, name) for each in value]
        if isinstance(value, int) and not isinstance(value, bool) and _is_phone(name):
            return self._stand_in("phone", f"+{value}", treatment)
        return value

    def _text(self, text: str, treatment: Treatment, name: str = "") -> str:
        if "@" in text:
            text = EMAIL.sub(lambda found: self._stand_in("email", found[0], treatment), text)
        if (text[:1] == "+" and PHONE.fullmatch(text)) or (_is_phone(name) and any(map(str.isdigit, text))):
            return self._stand_in("phone", text, treatment)
        return text

    def _stand_in(self, kind: str, text: str, treatment: Treatment) -> str:
        if treatment == "drop":
            return ""
        # A number without its country code is no alias, but it is personal all the same: it is hashed as it is.
        made = hash_of(kind, text, self._key, treatment) or keyed(
            sha256(text.encode(errors="surrogatepass")).hexdigest(), self._key
        )
        return f"{kind}:{made}"


# Producers repeat the same names. The bound keeps invented names from filling the memory.
@lru_cache(4_096)
def _is_phone(name: str) -> bool:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower() in PHONE_NAMES
