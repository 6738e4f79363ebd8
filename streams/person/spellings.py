"""Spellings: the names under which the person that somebody asks for may be stored.

People know a person by an address or a telephone number, the tracker by their hashes: keyed by TRACKER_HASH_KEY, as the
collector makes them, or plain. It computes names and knows no store.
"""

from typing import Final

from tracker.identity.kinds import KINDS, AliasTooLong, Kinds
from tracker.identity.pseudonym import EMAIL, PHONE, email_sha256, keyed, phone_sha256

_CODE: Final = ("+", "00")
"""What a telephone number with its country code begins with."""


def spellings(asked: str, kinds: Kinds = KINDS, hash_key: str | None = None) -> list[str]:
    """The names under which an id, an address or a number may be stored, the likeliest first."""
    kind, colon, value = asked.strip().partition(":")
    if not colon or (kind not in kinds.order and kinds.kind_of(asked.strip()) != kind):
        kind, value = "", asked
    values = [value, *hashes(value.strip(), hash_key)]
    names = [asked, *([] if kind else [asked.strip()])]
    for one in values:
        try:
            plain = kinds.normalise(one)
        except AliasTooLong:
            plain = None
        names += [kinds.name(each, plain) for each in ([kind] if kind else kinds.order) if plain]
    return list(dict.fromkeys(names))


def hashes(text: str, hash_key: str | None) -> list[str]:
    """The hashes of an address or a telephone number, the keyed one first; none of other texts."""
    plain = email_sha256(text) if EMAIL.fullmatch(text) else None
    if plain is None and text.startswith(_CODE):
        plain = phone_sha256(text)
    if plain is None:
        return []
    with_key = keyed(plain, hash_key)
    return [one for one in dict.fromkeys((with_key, plain)) if one is not None]


def is_address(text: str) -> bool:
    """Whether a text is surely an address or a telephone number, of which the tracker stores the hash."""
    value = text.strip().partition(":")[2] or text.strip()
    return EMAIL.fullmatch(value) is not None or (PHONE.fullmatch(value) is not None and bool(hashes(value, None)))
