"""Signatures of webhooks: every part of their tables, with genuine requests and forged ones."""

import json
from urllib.parse import urlencode

import pytest

from schemas.webhooks import SENDERS
from schemas.webhooks.form import Signature
from streams.collector.problems import Refused
from streams.collector.webhooks.bodies import read
from streams.collector.webhooks.mapped import Notification
from streams.collector.webhooks.signatures import Letter, require_recent, since_1970, verify
from tests.streams.collector.webhooks.letters import NOW, NOW_MS, NOW_S, SECRET, URL, b64, mac, signed

RAW = b'{"a": 1}'
STAMP = str(NOW_S)


def accepts(rule: Signature, headers: dict[str, str], raw: bytes = RAW, body=None, secrets=(SECRET,)) -> bool:
    try:
        verify(rule, Letter("POST", "https://a.example/hook?x=%3A1", headers, raw, body), secrets)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "headers"),
    [
        (Signature(header="s"), {"s": b64(mac(RAW))}),
        (Signature(header="s", prefix="sha256="), {"s": f"sha256={b64(mac(RAW))}"}),
        (Signature(header="s", encoding="hex"), {"s": mac(RAW).hex()}),
        (Signature(header="s", encoding="hex"), {"s": mac(RAW).hex().upper()}),
        (Signature(header="s", algorithm="sha1"), {"s": b64(mac(RAW, "sha1"))}),
        (Signature(header="s", algorithm="sha512", encoding="hex"), {"s": mac(RAW, "sha512").hex()}),
        (Signature(header="s", parts=("header:t", "body"), between="."),
         {"s": b64(mac(f"{STAMP}.".encode() + RAW)), "t": STAMP}),
        (Signature(header="s", encoding="hex", prefix="v1=", separator=",", parts=("signature:t", "body"), between="."),
         {"s": f"t={STAMP}, v1={'0' * 64}, v1={mac(f'{STAMP}.'.encode() + RAW).hex()}"}),
        (Signature(header="s", encoding="hex", prefix="v0=", parts=("text:v0", "header:t", "body"), between=":"),
         {"s": f"v0={mac(f'v0:{STAMP}:'.encode() + RAW).hex()}", "t": STAMP}),
        (Signature(header="webhook-signature", prefix="v1,", separator=" ", between=".",
                   parts=("header:webhook-id", "header:webhook-timestamp", "body")),
         {"webhook-signature": f"v1a,xyz v1,{b64(mac(f'm1.{STAMP}.'.encode() + RAW))}", "webhook-id": "m1",
          "webhook-timestamp": STAMP}),
        (Signature(header="s", parts=("method", "url", "body", "header:t")),
         {"s": b64(mac(b"POSThttps://a.example/hook?x=%3A1" + RAW + STAMP.encode())), "t": STAMP}),
        (Signature(header="s", parts=("method", "decoded_url", "body")),
         {"s": b64(mac(b"POSThttps://a.example/hook?x=:1" + RAW))}),
    ],
)  # fmt: skip
def test_each_part_of_a_rule_says_what_is_signed(rule, headers) -> None:
    """A genuine request is accepted; with another body, without its header or with another secret it is not."""
    assert accepts(rule, headers)
    assert accepts(rule, headers, secrets=(b"an older secret", SECRET))
    assert not accepts(rule, headers, RAW + b" ")
    assert not accepts(rule, headers, secrets=(b"another secret",))
    assert not accepts(rule, headers, secrets=())
    for name in headers:
        assert not accepts(rule, {key: value for key, value in headers.items() if key != name})


def test_the_empty_key_opens_nothing() -> None:
    """A signature with the empty key, which everybody can make, is refused whatever secrets there are."""
    assert not accepts(Signature(header="s"), {"s": b64(mac(RAW, secret=b""))})


def test_standard_webhooks_write_their_key_in_base64() -> None:
    """A secret `whsec_…` is the key in base64; as a text it signs nothing."""
    rule = Signature(header="s", prefix="v1,", separator=" ", secret="base64")
    written = f"whsec_{b64(SECRET)}".encode()
    assert accepts(rule, {"s": f"v1,{b64(mac(RAW))}"}, secrets=(written,))
    assert not accepts(rule, {"s": f"v1,{b64(mac(RAW, secret=written))}"}, secrets=(written,))
    assert accepts(Signature(header="s"), {"s": b64(mac(RAW, secret=written))}, secrets=(written,))


@pytest.mark.parametrize("key", [b"A", b"\0" * 16, b"short\0\0\0\0\0\0"])
def test_a_short_key_in_base64_opens_nothing(key) -> None:
    """The key itself must be long enough, not its text; NULs at its end add nothing to it."""
    rule = Signature(header="s", secret="base64")
    written = f"whsec_{b64(key)}".encode()
    for tried in (key, key.rstrip(b"\0"), b""):
        assert not accepts(rule, {"s": b64(mac(RAW, secret=tried))}, secrets=(written,))


def test_chosen_fields_are_signed_without_ambiguity() -> None:
    """Fields of the body are signed as they are written; one that holds what stands between them is refused."""
    rule = Signature(header="s", parts=("made", "id"), between=".")
    headers = {"s": b64(mac(b"12.a"))}
    assert accepts(rule, headers, body={"made": 12, "id": "a"})
    for forged in ({"made": 13, "id": "a"}, {"made": 12}, {"made": True, "id": "a"}, {"made": 12, "id": ["a"]}, None):
        assert not accepts(rule, headers, body=forged)
    assert not accepts(rule, {"s": b64(mac(b"12.a.b"))}, body={"made": 12, "id": "a.b"})


@pytest.mark.parametrize("junk", ["", "?", "é", "sha256=", "v1=zz", "=" * 50, ",".join(["v1=00"] * 300)])
def test_junk_is_no_signature(junk) -> None:
    """A header that holds no signature is refused and breaks nothing."""
    for rule in (
        Signature(header="s"),
        Signature(header="s", encoding="hex", prefix="v1=", separator=",", parts=("signature:t", "body")),
    ):
        assert not accepts(rule, {"s": junk})


@pytest.mark.parametrize(
    "written",
    [NOW_S, NOW_MS, str(NOW_S), str(NOW_MS), f"{NOW_S}.0", NOW, "2026-11-18 11:06:40", "2026-11-18T12:06:40+01:00",
     "Wed, 18 Nov 2026 11:06:40 GMT"],
)  # fmt: skip
def test_times_are_read_as_senders_write_them(written) -> None:
    """Seconds, milliseconds, RFC 3339, a text without an offset (UTC) and an HTTP date are the same moment."""
    assert since_1970(written) == NOW_MS


@pytest.mark.parametrize("written", [None, "", "soon", True, [], "9" * 30, "1e400"])
def test_other_values_are_no_times(written) -> None:
    """What is no time is none."""
    assert since_1970(written) is None


SIGNING = sorted(name for name, sender in SENDERS.items() if sender.signature)
TIMED = ("stripe", "hubspot", "klaviyo")


def body_of(name: str) -> bytes:
    if name == "mandrill":
        return urlencode({"mandrill_events": "[]"}).encode()
    facts = {"eventCreated": NOW_S, "eventId": "80aece08", "updated_at": NOW, "date_created_gmt": NOW}
    return json.dumps(facts).encode()


def is_genuine(name: str, given: Letter) -> bool:
    sender = SENDERS[name]
    rule = sender.signature
    assert rule is not None
    try:
        verify(rule, given._replace(body=read(sender, given.raw)), (b"an older secret", SECRET))
        require_recent(sender, Notification(sender, given, read(sender, given.raw)).find(sender.moment), NOW_MS)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("name", SIGNING)
def test_each_sender_is_believed_by_its_documented_rule(name) -> None:
    """A request signed as the sender documents it is genuine; unsigned, changed or with another secret it is not."""
    raw = body_of(name)
    given = Letter("POST", URL, signed(name, raw), raw)
    assert is_genuine(name, given)
    assert not is_genuine(name, given._replace(headers={}))
    assert not is_genuine(name, given._replace(headers=signed(name, raw, secret=b"another secret")))
    assert not is_genuine(name, given._replace(headers=signed(name, raw, secret=b"")))
    changed = raw.replace(b"80aece08", b"80aece09").replace(b"%5B%5D", b"%5B1%5D")
    assert not is_genuine(name, given._replace(raw=changed))
    if name in {"hubspot", "mandrill"}:
        assert not is_genuine(name, given._replace(url="https://elsewhere.example/v1/webhooks/crm"))


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    ("late_s", "is_fresh"), [(0, True), (-250, True), (-700, False), (400, False), (-(10**8), False)]
)
def test_a_recorded_request_is_too_old(name, late_s, is_fresh) -> None:
    """Where the time of the request is signed, it must be recent, and not of the future."""
    raw = body_of(name)
    assert is_genuine(name, Letter("POST", URL, signed(name, raw, stamp_s=NOW_S + late_s), raw)) == is_fresh
