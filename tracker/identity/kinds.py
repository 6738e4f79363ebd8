"""Kinds of alias: which there are, and which one stands for the customer.

A number belongs to the system that gave it, so besides the listed kinds there are scoped ones: `BASE@SOURCE`, such as
`woocommerce_customer@shop-se`. They need no list.
It knows nothing of links between aliases; those are in `tracker/identity/ties.py`. Which values are no ids, is said in
`tracker/identity/placeholders.py`.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.touchpoint import ALIAS_KINDS, MAX_ID_BYTES
from tracker.identity.placeholders import LONGEST_WORD, NOBODY, means_nobody

CUSTOMER: Final = "customer_id"
ACCOUNT: Final = "account_id"
ANONYMOUS: Final = "anonymous_id"
ADDRESSES: Final = ("email_sha256", "phone_sha256")
MAX_ALIASES: Final = 100
SUSPECT_AFTER: Final = 20
BASE: Final = r"[a-z][a-z0-9_]{0,31}"
"""The word of a kind, as a pattern."""
SOURCE: Final = r"[A-Za-z0-9._-]{1,64}"
"""The name of a source, as a pattern."""
SCOPED: Final = re.compile(f"{BASE}@{SOURCE}")
"""A kind that is scoped by its source: what the number is, and which source gave it."""
MAX_KIND_LENGTH: Final = 32 + 1 + 64
SCOPED_STRENGTH: Final = 1
"""Between `customer_id`, which is 0, and the kind after it, which is 2."""
# A `customer_id` like the name of a scoped alias; no listed kind holds an @.
_SCOPED_NAME: Final = re.compile(rf"{SCOPED.pattern}:")

Ids = Mapping[str, str | int | None]


class AliasTooLong(ValueError):  # noqa: N818  # says what is wrong with the value
    """An id longer than `MAX_ID_BYTES` in UTF-8."""


def _is_legible(text: str) -> bool:
    """Whether a text with invisible characters can be an id: it needs a visible one, and no NUL (a program's fault)."""
    return "\0" not in text and any(letter.isprintable() and not letter.isspace() for letter in text)


class Kinds:
    """The kinds of alias of an installation, the strongest first.

    `customer_id` is unique: two different ones are two people. `account_id` is shared by all people of an account, so
    it is the customer's name only where a touchpoint carries no other id, and it never links. Scoped kinds come right
    after `customer_id`, whatever the list says; a name has at most one peer of each.
    """

    def __init__(
        self,
        order: Sequence[str] = ALIAS_KINDS,
        limits: Mapping[str, int] | None = None,
        limit: int = MAX_ALIASES,
        no_ids: Iterable[str] = (),
        hashes: Iterable[str] = (),
        suspect_after: int = SUSPECT_AFTER,
    ) -> None:
        """`limits`: by kind, how many of it one customer may have; `limit`: how many of all kinds.

        `no_ids`: texts of this installation that mean nobody, such as the number of the till's own customer; `hashes`:
        keyed hashes of texts that mean nobody. `suspect_after`: a name with so many strong peers of one kind within a
        day is suspect; 0 for never.
        """
        self.order: Final = tuple(order)
        self.limits: Final = dict(limits or {})
        self.limit: Final = limit
        self.suspect_after: Final = suspect_after
        self.least_limit: Final = min((limit, *self.limits.values()))
        own = [text.strip().lower() for text in no_ids]
        self._nobody = NOBODY.union(own, (text.upper() for text in own), hashes)
        self._longest = max(LONGEST_WORD, *map(len, own), 0)
        # No word for nobody ends with one of these, unless an installation adds such a word.
        has_digits = any(text[-1:].isdigit() for text in own)
        self._digits, self._zero = ("", "") if has_digits else ("123456789", "0")
        self._strengths = {kind: 2 * place for place, kind in enumerate(self.order)}
        # `anonymous_id` and what stands behind it are ids of devices; a person has many of them.
        self._devices = self._strengths.get(ANONYMOUS, len(self.order) * 2)
        self._first = CUSTOMER if self.order[:1] == (CUSTOMER,) else ""
        self._prefixes = tuple(f"{kind}:" for kind in self.order)

    @property
    def listed(self) -> str:
        """All kinds, as a message names them."""
        return ", ".join((*self.order, "a number such as shop_customer@SOURCE"))

    def normalise(self, value: str | int | None) -> str | None:
        """The id in the form that is compared (Unicode NFC, blanks trimmed); None where the value is no id.

        Raises `AliasTooLong`.
        """
        # A text that begins with a letter or digit and ends with a digit, or is long, means nobody only where it is
        # zeros alone or the hash of such a text. Most ids are of this form, so it is tried first.
        if value.__class__ is str and value and value.isascii() and value.isprintable() and value[0].isalnum():
            last = value[-1]
            if len(value) <= MAX_ID_BYTES // 4 and (
                last in self._digits
                or (last == self._zero and value[0] != "0")
                or (len(value) > self._longest and last != "0" and last.isalnum())
            ):
                return None if value in self._nobody else value
        if value is None:
            return None
        text = value if isinstance(value, str) else str(value)
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        text = text.strip()
        if not text or (not text.isprintable() and not _is_legible(text)):
            return None
        # A text of at most a quarter of the bound in characters cannot exceed it in bytes.
        if len(text) > MAX_ID_BYTES // 4 and len(text.encode()) > MAX_ID_BYTES:
            raise AliasTooLong(f"an id of more than {MAX_ID_BYTES} bytes")
        if text[0].isalnum() and (text[-1] in self._digits or (text[-1] == self._zero and text[0] != "0")):
            return None if text in self._nobody else text
        return None if means_nobody(text, self._nobody) else text

    def name(self, kind: str, value: str) -> str:
        """The customer's name for an alias: bare for `customer_id`, `kind:value` for the others.

        The prefix keeps strangers apart whose ids of different kinds are equal. A `customer_id` that looks like a
        prefixed name gets the prefix too.
        """
        if kind == CUSTOMER and not (":" in value and (value.startswith(self._prefixes) or _SCOPED_NAME.match(value))):
            return value
        return f"{kind}:{value}"

    def strongest(self, ids: Ids) -> str | None:
        """The name of the strongest alias, None where no value is an id. Raises `AliasTooLong`."""
        value = ids.get(self._first)
        if (
            value
            and value.__class__ is str
            and value.isascii()
            and value.isprintable()
            and ":" not in value
            and len(value) <= MAX_ID_BYTES // 4
            and value[0].isalnum()
        ):
            # Most touchpoints have a value that is its own name, so this is checked first, as `normalise` does.
            last = value[-1]
            if (
                last in self._digits
                or (last == self._zero and value[0] != "0")
                or (len(value) > self._longest and last != "0" and last.isalnum())
            ) and value not in self._nobody:
                return value
        name: str | None = None
        least = 0
        strengths = self._strengths
        for kind, given in ids.items():
            strength = strengths.get(kind)
            if strength is None:
                if not ("@" in kind and SCOPED.fullmatch(kind)):
                    continue
                strength = SCOPED_STRENGTH
            if name is None or strength <= least:
                value = self.normalise(given)
                if value is not None:
                    found = f"{kind}:{value}" if kind != CUSTOMER else self.name(kind, value)
                    # Only two scoped kinds are equally strong; the first by name then stands for the customer.
                    if name is None or strength < least or found < name:
                        name, least = found, strength
        return name

    def others(self, ids: Ids, strongest: str) -> tuple[str, ...]:
        """The weaker names in the same touchpoint, which therefore belong to the same customer.

        Raises `AliasTooLong`.
        """
        found = []
        for kind, given in ids.items():
            if kind == ACCOUNT or (kind == CUSTOMER and given == strongest):
                continue
            if kind not in self._strengths and not ("@" in kind and SCOPED.fullmatch(kind)):
                continue
            value = self.normalise(given)
            if value is not None and (name := self.name(kind, value)) != strongest:
                found.append(name)
        return tuple(found)

    def account(self, ids: Ids) -> str | None:
        """The name of the account, None where there is none. Raises `AliasTooLong`."""
        value = self.normalise(ids.get(ACCOUNT))
        return None if value is None else self.name(ACCOUNT, value)

    def kind_of(self, name: str) -> str:
        """The kind of a name."""
        kind, colon, _ = name.partition(":")
        if colon and (kind in self._strengths or ("@" in kind and SCOPED.fullmatch(kind))):
            return kind
        return CUSTOMER

    def strength(self, name: str) -> int:
        """How strong a name's kind is; lower is stronger. All scoped kinds are equally strong."""
        return self._strengths.get(self.kind_of(name), SCOPED_STRENGTH)

    def is_unique(self, name: str) -> bool:
        """Whether the name is a `customer_id`: it stands for one person and never merges with another unique name."""
        return ":" not in name or self.kind_of(name) == CUSTOMER

    def is_strong(self, kind: str) -> bool:
        """Whether a kind stands for a person rather than for a device: no name may gather many of it in a day."""
        return self._strengths.get(kind, SCOPED_STRENGTH) < self._devices or kind in ADDRESSES

    def links(self, name: str) -> bool:
        """Whether the name may be tied to others."""
        return self.kind_of(name) != ACCOUNT


KINDS_ALLOWED: Final = (
    "kinds of alias (a-z, 0-9, _), each once, customer_id first; `:10` after one: each customer has at most 10 of it, "
    f"{MAX_ALIASES} at most"
)
_WORD: Final = re.compile(rf"({BASE})(?::([1-9][0-9]{{0,2}}))?")


def kinds_of(
    words: Sequence[str],
    no_ids: Iterable[str] = (),
    hashes: Iterable[str] = (),
    suspect_after: int = SUSPECT_AFTER,
) -> Kinds:
    """The kinds that some words ask for, such as `customer_id`, `device_id:10`. Raises ValueError.

    The other arguments are those of `Kinds`.
    """
    found = [_WORD.fullmatch(word) for word in words]
    pairs = [(match[1], match[2]) for match in found if match is not None]
    order = [kind for kind, _ in pairs]
    limits = {kind: int(limit) for kind, limit in pairs if limit is not None}
    if (
        len(pairs) != len(words)
        or not order
        or order[0] != CUSTOMER
        or len(set(order)) != len(order)
        or any(limit > MAX_ALIASES for limit in limits.values())
    ):
        raise ValueError(f"{' '.join(words)!r}: these must be {KINDS_ALLOWED}")
    return Kinds(order, limits, no_ids=no_ids, hashes=hashes, suspect_after=suspect_after)


KINDS: Final = Kinds()
name: Final = KINDS.name
normalise: Final = KINDS.normalise
strongest: Final = KINDS.strongest
