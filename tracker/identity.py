"""Identity rules: which alias stands for the customer, and which values are no ids at all.

It knows nothing of links between aliases.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

from schemas.touchpoint import ALIAS_KINDS, MAX_ID_BYTES

# What producers send when they have no id. Linking on one of these would merge strangers.
NO_IDS: Final = frozenset(
    {"", "-1", "0", "anonymous", "false", "guest", "n/a", "nan", "nil", "none", "not set", "null", "true", "undefined",
     "unknown", "[object object]", "00000000-0000-0000-0000-000000000000"}
)  # fmt: skip

_PREFIXES: Final = tuple(f"{kind}:" for kind in ALIAS_KINDS)


class AliasTooLong(ValueError):  # noqa: N818  # says what is wrong with the value
    """An id longer than `MAX_ID_BYTES` in UTF-8."""


def normalise(value: str | int | None) -> str | None:
    """The id as it is compared (NFC, blanks trimmed), or None where the value is no id.

    Raises `AliasTooLong`.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = text.strip()
    # A text of at most a quarter of the bound in characters cannot exceed it in bytes.
    if len(text) > MAX_ID_BYTES // 4 and len(text.encode()) > MAX_ID_BYTES:
        raise AliasTooLong(f"an id of more than {MAX_ID_BYTES} bytes")
    return None if text.lower() in NO_IDS else text


def name(kind: str, value: str) -> str:
    """The customer's name for an alias: bare for `customer_id`, `kind:value` for the others.

    The prefix keeps strangers apart whose ids of different kinds happen to read the same; a `customer_id` that reads
    like such a name gets one too.
    """
    if kind == "customer_id" and not (":" in value and value.startswith(_PREFIXES)):
        return value
    return f"{kind}:{value}"


def strongest(ids: Mapping[str, str | int | None]) -> str | None:
    """The name of the strongest alias, None where no value is an id. Raises `AliasTooLong`."""
    for kind in ALIAS_KINDS:
        if kind in ids:
            value = normalise(ids[kind])
            if value is not None:
                return name(kind, value)
    return None
