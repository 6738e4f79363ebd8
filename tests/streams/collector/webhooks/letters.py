"""Requests as senders of webhooks make them, signed by their documented rules, and what becomes of them."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from schemas.webhooks import SENDERS
from schemas.webhooks.form import WebhookSender
from streams.collector.sources import NamedSource, Source
from streams.collector.webhooks import bodies
from streams.collector.webhooks.mapped import Mapped, Mapper
from streams.collector.webhooks.route import messages
from streams.collector.webhooks.signatures import Letter, reads_body, verify

SECRET = b"a secret of the tests"
NOW_S = 1_795_000_000
NOW_MS = NOW_S * 1000
NOW = "2026-11-18T11:06:40Z"
URL = "https://hooks.example.com/v1/webhooks/crm"


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def mac(signed: bytes, algorithm: str = "sha256", secret: bytes = SECRET) -> bytes:
    return hmac.new(secret, signed, getattr(hashlib, algorithm)).digest()


def signed(name: str, raw: bytes, secret: bytes = SECRET, stamp_s: int = NOW_S) -> dict[str, str]:
    """The headers of a request by the sender's documentation, written out and not read from its table."""

    def made(whole: bytes, algorithm: str = "sha256") -> bytes:
        return mac(whole, algorithm, secret)

    stamp = str(stamp_s)
    millis = f"{stamp}000"
    whole = b"POST" + URL.encode() + raw + millis.encode()
    return {
        "stripe": lambda: {"stripe-signature": f"t={stamp},v1={made(f'{stamp}.'.encode() + raw).hex()},v0=00"},
        "typeform": lambda: {"typeform-signature": f"sha256={b64(made(raw))}"},
        "surveymonkey": lambda: {"sm-signature": b64(made(raw, "sha1"))},
        "intercom": lambda: {"x-hub-signature": f"sha1={made(raw, 'sha1').hex()}"},
        "hubspot": lambda: {"x-hubspot-signature-v3": b64(made(whole)), "x-hubspot-request-timestamp": millis},
        "klaviyo": lambda: {"klaviyo-signature": made(raw + stamp.encode()).hex(), "klaviyo-timestamp": stamp},
        "helpscout": lambda: {"x-helpscout-signature": b64(made(raw, "sha1"))},
        "ecwid": lambda: {"x-ecwid-webhook-signature": b64(made(ecwid_text(raw)))},
        "mandrill": lambda: {"x-mandrill-signature": b64(made(mandrill_text(raw), "sha1"))},
        "shopify": lambda: {"x-shopify-hmac-sha256": b64(made(raw))},
        "woocommerce": lambda: {"x-wc-webhook-signature": b64(made(raw))},
        "zendesk": lambda: {
            "x-zendesk-webhook-signature": b64(made(NOW.encode() + raw)),
            "x-zendesk-webhook-signature-timestamp": NOW,
        },
    }.get(name, dict)()


def ecwid_text(raw: bytes) -> bytes:
    body = json.loads(raw)
    return f"{body['eventCreated']}.{body['eventId']}".encode()


def mandrill_text(raw: bytes) -> bytes:
    """The address, then each field of the form with its value, by name."""
    fields = dict(parse_qsl(raw.decode()))
    return (URL + "".join(f"{key}{fields[key]}" for key in sorted(fields))).encode()


def letter(name: str, body: Any, **headers: str) -> Letter:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Letter("POST", URL, signed(name, raw) | headers, raw)


def told(
    name: str, body: Any, *, sender: WebhookSender | None = None, own: bool = False, **headers: str
) -> list[Mapped]:
    """What becomes of the events of a request whose signature is checked. Raises `Refused`."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return judged(sender or SENDERS[name], letter(name, body, **headers), name, own=own)


def judged(sender: WebhookSender, given: Letter, name: str, *, own: bool = False) -> list[Mapped]:
    rule = sender.signature
    if rule is not None:
        verify(rule, given._replace(body=bodies.read(sender, given.raw)) if reads_body(rule) else given, (SECRET,))
    source = NamedSource(name, Source(customer_id="own" if own else None))
    found = messages(sender, given._replace(body=bodies.read(sender, given.raw)), NOW_MS)
    return [Mapper("key").touchpoint(source, sender, message, NOW_MS) for message in found]


def wire(name: str, body: Any, **options: Any) -> dict[str, Any]:
    """The fields of the only touchpoint of a request."""
    (one,) = told(name, body, **options)
    assert one.wire is not None, one
    return one.wire


def why(name: str, body: Any, **options: Any) -> str | None:
    """Why the only event of a request makes no touchpoint."""
    (one,) = told(name, body, **options)
    return one.why
