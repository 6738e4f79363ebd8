"""Signatures of webhooks: what was signed, with which secret, and when.

The parts and their order come from the table of the sender. Whoever does not sign needs a write key instead.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from schemas.webhooks.form import Signature, WebhookSender
from streams.collector.problems import Refused
from streams.collector.segment import moment_ms
from streams.collector.sources import LEAST_SECRET_BYTES
from streams.collector.webhooks.places import walk
from tracker.moment import of_number

HEADER: Final = "header:"
BODY: Final = "body:"
SIGNATURE: Final = "signature:"
TEXT: Final = "text:"
WHOLE: Final = frozenset({"body", "method", "url", "decoded_url"})
# Signs of an address that HubSpot signs as they are where the request has them encoded.
_PLAIN_SIGNS: Final = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
WHSEC: Final = "whsec_"
# A sender's clock may be ahead of ours by this much.
AHEAD_MS: Final = 5 * 60_000


class Letter(NamedTuple):
    """A request as it came."""

    method: str
    url: str
    """The address that the sender called, as the source names it."""
    headers: Mapping[str, str]
    raw: bytes
    body: Any = None
    """The value in the body; None as long as it is not read."""


def verify(rule: Signature, letter: Letter, secrets: Sequence[bytes]) -> None:
    """Returns when one of the signatures was made with one of the secrets. Raises `Refused`."""
    given = list(_given(rule, letter.headers.get(rule.header, "")))
    signed = _signed(rule, letter)
    matches = [False]
    if signed is not None:
        # NULs at the end of a key change nothing, so a key of them alone would be the empty one, which all know.
        keys = [key for key in (_key(rule, each) for each in secrets) if len(key.rstrip(b"\0")) >= LEAST_SECRET_BYTES]
        made = [hmac.digest(key, signed, rule.algorithm) for key in keys]
        # Every secret is tried with every signature, so that the time does not reveal which ones matched.
        matches += [hmac.compare_digest(one, other) for one in given for other in made]
    if not any(matches):
        raise Refused("bad_signature", "The signature does not match a secret of this source.")


def named(rule: Signature | None, header: str, name: str) -> str | None:
    """The named part of the header with the signature: `t` of `t=1,v1=…`."""
    if rule is None:
        return None
    items = (item.strip().partition("=") for item in header.split(rule.separator or ","))
    return next((value for key, equals, value in items if key == name and equals), None)


def require_recent(sender: WebhookSender, stamp: Any, now_ms: int) -> None:
    """Returns when the message is within the time in which its sender sends the same one again. Raises `Refused`."""
    if not sender.moment:
        return
    made_ms = since_1970(stamp)
    if made_ms is None:
        raise Refused("bad_request", "The message does not say when it was made.")
    if not now_ms - sender.window_s * 1000 <= made_ms <= now_ms + AHEAD_MS:
        raise Refused("too_old", "The message is too old, or its time is in the future.")


def since_1970(value: Any) -> int | None:
    """A time in milliseconds: of seconds, milliseconds, RFC 3339 (in UTC without an offset) or an HTTP date."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 20:
            value = float(text) if "." in text else int(text)
        else:
            return _written(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return of_number(value)


def _written(text: str) -> int | None:
    if (found := moment_ms(text)) is not None:
        return found
    try:
        return round(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _given(rule: Signature, header: str) -> Iterator[bytes]:
    """The signatures in the header."""
    for item in header.split(rule.separator) if rule.separator else [header]:
        text = item.strip()
        if not text.startswith(rule.prefix):
            continue
        bare = text[len(rule.prefix) :]
        try:
            yield binascii.unhexlify(bare) if rule.encoding == "hex" else base64.b64decode(bare, validate=True)
        except ValueError:
            continue


def _signed(rule: Signature, letter: Letter) -> bytes | None:
    """What the sender signed; None where a part is missing."""
    parts = [_part(rule, letter, part) for part in rule.signed]
    found = [part for part in parts if part is not None]
    return rule.between.encode().join(found) if len(found) == len(parts) else None


def _part(rule: Signature, letter: Letter, part: str) -> bytes | None:
    if part == "body":
        return letter.raw
    if part == "method":
        return letter.method.encode()
    if part in {"url", "decoded_url"}:
        plain = part == "decoded_url"
        return (_PLAIN_SIGNS.sub(lambda sign: chr(int(sign[1], 16)), letter.url) if plain else letter.url).encode()
    if part.startswith(TEXT):
        return part[len(TEXT) :].encode()
    if part.startswith(HEADER):
        said = letter.headers.get(part[len(HEADER) :])
        return said.encode("latin-1", "replace") if said else None
    if part.startswith(SIGNATURE):
        said = named(rule, letter.headers.get(rule.header, ""), part[len(SIGNATURE) :])
        return said.encode("latin-1", "replace") if said else None
    value = walk(letter.body, part.removeprefix(BODY))
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    text = str(value)
    # `a.b` and `c` must not read as `a` and `b.c`.
    if rule.between and rule.between in text:
        return None
    return text.encode("utf-8", "surrogatepass")


def _key(rule: Signature, secret: bytes) -> bytes:
    if rule.secret != "base64":  # noqa: S105  # how it is written, not the secret
        return secret
    try:
        return base64.b64decode(secret.removeprefix(WHSEC.encode()), validate=True)
    except ValueError:
        # Not what the sender says of its secrets: then it is taken as it stands, and matches nothing that is made so.
        return secret


def reads_body(rule: Signature) -> bool:
    """Whether parts of the body must be read before the signature can be checked."""
    return any(part not in WHOLE and not part.startswith((TEXT, HEADER, SIGNATURE)) for part in rule.signed)
