"""What a browser's key may say. It is in a page or an app, so everybody can read it and send with it.

It knows no keys and no HTTP; `docs/security.md` says what follows for whoever steals one.
"""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

from schemas import vocabulary
from schemas.rejection import DoorReason
from streams.collector.sources import NamedSource
from tracker.identity.kinds import ACCOUNT, ADDRESSES, CUSTOMER, KINDS, Kinds

TRUST: Final = "trust"
BROWSER: Final = "browser"
PROOF: Final = "user_hash"
CLAIMED: Final = "claimed_"
"""Before the kind of an id that was not proven: no kind of alias begins so, and it links nothing."""
NO_PROOF: Final = "a customer_id from a browser's key counts with its user_hash alone (docs/security.md)"
MAX_AGE_S: Final = 48 * 3600
"""Two days: a phone that was offline over a weekend's flight. Who wants to move what is older needs a server's key."""
TYPES: Final = frozenset(kind for kind, channel in vocabulary.TYPES.items() if channel == vocabulary.WEB)
"""What a browser may send unless its source lists other types: what people do on pages. Orders are not among them."""


def proof(secret: bytes, customer_id: str) -> str:
    """What a server gives to the page of a customer: it proves that the id is theirs."""
    return hmac.digest(secret, customer_id.encode(errors="surrogatepass"), sha256).hex()


def limit(wire: dict[str, Any], source: NamedSource, kinds: Kinds = KINDS) -> bool:
    """Mark a browser's touchpoint, and put ids aside that it did not prove; whether there were any.

    The proof itself is removed from every touchpoint: whoever reads it could use it again.
    """
    ids = wire.get("ids")
    ids = ids if isinstance(ids, dict) else {}
    given = ids.pop(PROOF, None)
    if not source.browser:
        return False
    wire[TRUST] = BROWSER
    # A number that a system gave names a person as a customer_id does, and nothing proves it.
    unproven = [kind for kind in ids if "@" in kind or _is_number(kind, kinds)]
    if CUSTOMER in ids and not _is_proven(ids[CUSTOMER], given, source.user_secrets):
        unproven.append(CUSTOMER)
    for kind in unproven:
        ids[CLAIMED + kind.partition("@")[0]] = ids.pop(kind)
    return bool(unproven)


def _is_number(kind: str, kinds: Kinds) -> bool:
    """Whether a listed kind names a person, such as the number of a member, and is neither proven nor an address."""
    return kind in kinds.order and kind not in {CUSTOMER, ACCOUNT, *ADDRESSES} and kinds.is_strong(kind)


def _is_proven(customer_id: Any, given: Any, secrets: Iterable[bytes]) -> bool:
    if not isinstance(customer_id, str | int) or not isinstance(given, str) or not given.isascii():
        return False
    # Every secret is tried, so that the time does not reveal which one matched.
    matches = [hmac.compare_digest(given.lower(), proof(secret, str(customer_id))) for secret in secrets]
    return any(matches)


def wrong_type(kind: str, source: NamedSource) -> tuple[DoorReason, str] | None:
    """Why the source may not send this type, else None."""
    if source.rules.types:
        return None if kind in source.rules.types else ("not_allowed", "this source may not send this type")
    if not source.browser or kind in TYPES:
        return None
    return "not_allowed", "a browser's key may not send this type unless `tracker keys new --type` lists it"


def too_old(at_ms: int, source: NamedSource, now_ms: int) -> tuple[DoorReason, str] | None:
    """Why a touchpoint of that time is refused, else None."""
    most_s = source.rules.max_age_s or (MAX_AGE_S if source.browser else None)
    if most_s is None or at_ms >= now_ms - most_s * 1000:
        return None
    return "too_old", f"it happened more than {most_s // 3600} h ago, which is as old as this key's touchpoints may be"
