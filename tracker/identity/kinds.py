"""Kinds of alias: which there are, which one stands for the customer, and which values are no ids.

A number belongs to the system that gave it, so besides the listed kinds there are scoped ones: `BASE@SOURCE`, such as
`woocommerce_customer@shop-se`. They need no list.
It knows nothing of links between aliases; those are in `tracker/identity/ties.py`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from schemas.touchpoint import ALIAS_KINDS, MAX_ID_BYTES

# Values that producers send when they have no id. Linking on one of them would merge strangers.
NO_IDS: Final = frozenset(
    {"", "-1", "0", "anonymous", "false", "guest", "n/a", "nan", "nil", "none", "not set", "null", "true", "undefined",
     "unknown", "[object object]", "00000000-0000-0000-0000-000000000000"}
)  # fmt: skip

CUSTOMER: Final = "customer_id"
ACCOUNT: Final = "account_id"
MAX_ALIASES: Final = 100
SCOPED: Final = re.compile(r"[a-z][a-z0-9_]{0,31}@[A-Za-z0-9._-]{1,64}")
"""A kind that is scoped by its source: what the number is, and which source gave it."""
MAX_KIND_LENGTH: Final = 32 + 1 + 64
SCOPED_STRENGTH: Final = 1
"""Between `customer_id`, which is 0, and the kind after it, which is 2."""
# A `customer_id` like the name of a scoped alias; no listed kind holds an @.
_SCOPED_NAME: Final = re.compile(rf"{SCOPED.pattern}:")

Ids = Mapping[str, str | int | None]


class AliasTooLong(ValueError):  # noqa: N818  # says what is wrong with the value
    """An id longer than `MAX_ID_BYTES` in UTF-8."""


def normalise(value: str | int | None) -> str | None:
    """The id in the form that is compared (Unicode NFC, blanks trimmed); None where the value is no id.

    Raises `AliasTooLong`.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = text.strip()
    if not text.isprintable() and not _is_legible(text):
        return None
    # A text of at most a quarter of the bound in characters cannot exceed it in bytes.
    if len(text) > MAX_ID_BYTES // 4 and len(text.encode()) > MAX_ID_BYTES:
        raise AliasTooLong(f"an id of more than {MAX_ID_BYTES} bytes")
    return None if text.lower() in NO_IDS else text


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
        self, order: Sequence[str] = ALIAS_KINDS, limits: Mapping[str, int] | None = None, limit: int = MAX_ALIASES
    ) -> None:
        """`limits`: by kind, how many of it one customer may have; `limit`: how many of all kinds."""
        self.order: Final = tuple(order)
        self.limits: Final = dict(limits or {})
        self.limit: Final = limit
        self.least_limit: Final = min((limit, *self.limits.values()))
        self._strengths = {kind: 2 * place for place, kind in enumerate(self.order)}
        self._first = CUSTOMER if self.order[:1] == (CUSTOMER,) else ""
        self._prefixes = tuple(f"{kind}:" for kind in self.order)

    @property
    def listed(self) -> str:
        """All kinds, as a message names them."""
        return ", ".join((*self.order, "a number such as shop_customer@SOURCE"))

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
            value.__class__ is str
            and value.isascii()
            and value.isprintable()
            and ":" not in value
            and len(value) <= MAX_ID_BYTES // 4
        ):
            # Most touchpoints have a value that is its own name, so this is checked first.
            value = value.strip()
            if value.lower() not in NO_IDS:
                return value
        scoped: str | None = None
        for kind in ids:
            if kind not in self._strengths and "@" in kind and SCOPED.fullmatch(kind):
                value = normalise(ids[kind])
                if value is not None and (scoped is None or f"{kind}:{value}" < scoped):
                    scoped = f"{kind}:{value}"
        for kind in self.order:
            if scoped is not None and kind != self._first:
                return scoped
            if kind in ids:
                value = normalise(ids[kind])
                if value is not None:
                    return self.name(kind, value)
        return scoped

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
            value = normalise(given)
            if value is not None and (name := self.name(kind, value)) != strongest:
                found.append(name)
        return tuple(found)

    def account(self, ids: Ids) -> str | None:
        """The name of the account, None where there is none. Raises `AliasTooLong`."""
        value = normalise(ids.get(ACCOUNT))
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

    def links(self, name: str) -> bool:
        """Whether the name may be tied to others."""
        return self.kind_of(name) != ACCOUNT


KINDS_ALLOWED: Final = (
    "kinds of alias (a-z, 0-9, _), each once, customer_id first; `:10` after one: each customer has at most 10 of it, "
    f"{MAX_ALIASES} at most"
)
_WORD: Final = re.compile(r"([a-z][a-z0-9_]{0,31})(?::([1-9][0-9]{0,2}))?")


def kinds_of(words: Sequence[str]) -> Kinds:
    """The kinds that some words ask for, such as `customer_id`, `device_id:10`. Raises ValueError."""
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
    return Kinds(order, limits)


KINDS: Final = Kinds()
name: Final = KINDS.name
strongest: Final = KINDS.strongest
