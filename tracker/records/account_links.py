"""Account links: what a record remembers of accounts, of those that a person belongs to and of an account's people.

It knows how they are laid out; `tracker/identity/membership.py` and `tracker/identity/accounts.py` decide.
"""

from typing import Final

import msgspec

from schemas.routed import Trace
from tracker.records.state import UnreadableStateError

_NEITHER: Final = b"\xc4\x00\xc4\x00"

ActiveSpan = tuple[int, int]
"""From when to when (ms)."""


class AliasMark(msgspec.Struct, array_like=True, gc=False):
    """The mark that an alias was seen with an account."""

    since_ms: int
    """In the form of `tracker/identity/trust.py`, as all times since which somebody is with an account."""
    roles: list[str] = []
    """Those that a journey asks for, as `path=value`."""


class Reported(msgspec.Struct, array_like=True, gc=False):
    """The last report of a person's journey to accounts."""

    since_ms: dict[str, int]
    """By account: when the person was first seen with it."""
    trace: Trace


class AccountMember(msgspec.Struct, array_like=True, gc=False):
    """The last report that an account received of one of its people."""

    since_ms: int
    trace: Trace


class AccountLinks(msgspec.Struct, array_like=True, gc=False):
    """Everything that a record remembers of accounts."""

    marks: dict[str, dict[str, AliasMark]] = {}
    """By alias and account."""
    reported: dict[str, Reported] = {}
    """By journey."""
    members: dict[str, dict[str, AccountMember]] = {}
    """Of an account: by its people's journey and by person."""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(AccountLinks).decode


def may_have_accounts(record: bytes) -> bool:
    """False where a stored record surely has no account links: a look at its last bytes instead of decoding it."""
    return not record.endswith(_NEITHER)


def read(data: bytes) -> AccountLinks:
    """The account links in a record's field, empty where there are none; raises UnreadableStateError."""
    try:
        return _decode(data) if data else AccountLinks()
    except msgspec.MsgspecError as error:
        raise UnreadableStateError(f"account links: {error}") from error


def write(account_links: AccountLinks) -> bytes:
    """Account links as a record's field."""
    return _encode(account_links) if account_links.marks or account_links.reported or account_links.members else b""
