"""What senders ask and how they are answered: handshakes, keys in the address, acknowledgements, users' own senders."""

import base64
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from schemas.webhooks import SENDERS
from streams.collector import tables
from streams.errors import ConfigurationError
from tests.streams.collector.asking import Answer, Collector

NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@pytest.fixture
def collector(tmp_path) -> Collector:
    made = Collector(tmp_path)
    (tmp_path / "secret").write_text("new secret")
    for sender in ("shopify", "intercom", "mailchimp", "salesforce"):
        assert sender in SENDERS
        setattr(made, f"{sender}_key", made.add(sender, sender=sender, secret_file=tmp_path / "secret"))
    return made


def test_senders_ask_before_a_webhook_is_made(collector) -> None:
    """HEAD and GET find out that there is such a source; CloudEvents' handshake names the origin that may send."""
    for method in ("HEAD", "GET"):
        assert collector.ask("/v1/webhooks/intercom", b"", method=method, key=None).status == 200
        assert collector.ask("/v1/webhooks/nobody", b"", method=method, key=None).status == 404
    origin = {"webhook-request-origin": "eventemitter.example.com", "webhook-request-rate": "120"}
    answer = collector.ask("/v1/webhooks/intercom", b"", method="OPTIONS", key=None, headers=origin)
    assert answer.status == 200
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert collector.ask("/v1/cloudevents", b"", method="OPTIONS", key=None, headers=origin).status == 200
    for path, bad in (("/v1/webhooks/nobody", "a.example"), ("/v1/webhooks/intercom", "no origin"),
                      ("/v1/track", "a.example")):  # fmt: skip
        asked = {"webhook-request-origin": bad}
        assert collector.ask(path, b"", method="OPTIONS", key=None, headers=asked).status in {404, 405}
    assert collector.ask("/v1/webhooks/intercom", b"", method="OPTIONS", key=None).status == 204


def test_a_key_in_the_address_is_a_last_resort(collector, capsys) -> None:
    """The key of senders that can neither sign nor set headers is in the address, and in no log and no touchpoint."""
    body = urlencode({"type": "subscribe", "fired_at": NOW[:-1], "data[email]": "ann@example.com", "data[id]": "8a"})
    statuses = []
    for name, key in (
        ("mailchimp", collector.mailchimp_key), ("mailchimp", "wk_wrong"), ("mailchimp", collector.key),
        ("mailchimp", ""), ("shopify", collector.shopify_key),
    ):  # fmt: skip
        answer = collector.ask(f"/v1/webhooks/{name}", body.encode(), key=None, query=f"key={key}")
        statuses.append(answer.status)
    assert statuses == [200, 401, 401, 401, 401]
    (kept,) = collector.kept
    assert kept["type"] == "Newsletter Subscribed"
    for secret in (collector.mailchimp_key, collector.key, collector.shopify_key):
        assert secret not in capsys.readouterr().out + json.dumps(kept)


def test_hubspot_signs_the_public_address(tmp_path) -> None:
    """Behind a proxy the source says which address the sender calls; without one it is that of the request, by TLS."""
    collector = Collector(tmp_path)
    (tmp_path / "secret").write_text("new secret")
    public = "https://in.example.com/hooks/crm"
    collector.add("proxied", sender="hubspot", secret_file=tmp_path / "secret", public_url=public)
    collector.add("plain", sender="hubspot", secret_file=tmp_path / "secret")
    event = {"eventId": 1, "portalId": 3, "occurredAt": 1, "subscriptionType": "contact.propertyChange", "objectId": 5,
             "propertyName": "email", "propertyValue": "ann@example.com"}  # fmt: skip
    raw, stamp = json.dumps([event | {"occurredAt": int(time.time() * 1000)}]).encode(), str(int(time.time() * 1000))
    for source, url, status in (
        ("proxied", public, 200), ("proxied", "https://internal/v1/webhooks/proxied", 401),
        ("plain", "https://internal/v1/webhooks/plain", 200), ("plain", public, 401),
    ):  # fmt: skip
        made = hmac.new(b"new secret", b"POST" + url.encode() + raw + stamp.encode(), hashlib.sha256).digest()
        headers = {"x-hubspot-signature-v3": base64.b64encode(made).decode(), "x-hubspot-request-timestamp": stamp,
                   "host": "internal"}  # fmt: skip
        assert collector.ask(f"/v1/webhooks/{source}", raw, key=None, headers=headers).status == status
    assert [event["type"] for event in collector.kept] == ["Identified"] * 2


def test_salesforce_waits_for_an_acknowledgement(collector) -> None:
    """The answer to an outbound message is the acknowledgement in SOAP, and comes when Kafka has the touchpoints."""
    raw = b"""<Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><notifications>
      <Notification><Id>04l1</Id><sObject xsi:type="sf:Lead"><Id>00Q1</Id><Email>ann@example.com</Email></sObject>
      </Notification></notifications></Body></Envelope>"""
    answer = collector.ask("/v1/webhooks/salesforce", raw, key=collector.salesforce_key,
                           headers={"content-type": "text/xml"})  # fmt: skip
    assert answer.status == 200
    assert (answer.headers["content-type"], b"<Ack>true</Ack>" in answer.body) == ("text/xml; charset=utf-8", True)
    assert [event["type"] for event in collector.kept] == ["Lead Created"]
    assert collector.ask("/v1/webhooks/salesforce", raw, key=None).status == 401


CHAT = """
senders:
  chat:
    signature: {header: x-slack-signature, prefix: "v0=", encoding: hex, between: ":",
                parts: ["text:v0", "header:x-slack-request-timestamp", body]}
    moment: ["header:x-slack-request-timestamp"]
    window_s: 300
    challenge: {where: {type: [url_verification]}, answer: challenge}
    topic: [event.type]
    at: [event_time]
    once: [event_id]
    ids: {"chat_user@": [event.user], email: [event.profile.email]}
    mappings:
      - topics: [message]
        type: Ticket Opened
        channel: support
        properties: {ticket_id: event.ts, priority: {from: event.mark, words: {rocket: high}}}
"""


def chat(collector: Collector, body: dict | list, stamp: str = "", secret: bytes = b"new secret") -> Answer:
    raw = json.dumps(body).encode()
    stamp = stamp or str(int(time.time()))
    made = hmac.new(secret, b":".join([b"v0", stamp.encode(), raw]), hashlib.sha256).hexdigest()
    headers = {"x-slack-signature": f"v0={made}", "x-slack-request-timestamp": stamp}
    return collector.ask("/v1/webhooks/team", raw, key=None, headers=headers)


def test_a_users_own_sender_with_a_challenge(tmp_path) -> None:
    """A sender of COLLECTOR_TABLES may sign in its own way, ask a signed question first, and send lists."""
    (tmp_path / "tables.yaml").write_text(CHAT)
    (tmp_path / "secret").write_text("new secret")
    collector = Collector(tmp_path, {"COLLECTOR_TABLES": str(tmp_path / "tables.yaml")})
    collector.add("team", sender="chat", secret_file=tmp_path / "secret")
    question = {"type": "url_verification", "challenge": "3eZbrw1aB", "token": "t"}
    assert chat(collector, question).body == b"3eZbrw1aB"
    assert chat(collector, question, secret=b"another secret").status == 401
    assert chat(collector, question, stamp="1600000000").status == 409
    event = {"type": "event_callback", "event_id": "Ev1", "event_time": int(time.time()) - 40_000,
             "event": {"type": "message", "user": "U1", "profile": {"email": "ann@example.com"}, "ts": 17.5,
                       "mark": "Rocket"}}  # fmt: skip
    assert chat(collector, [event, event | {"event_id": "Ev2"}]).said == {"accepted": 2}
    assert collector.kept[0]["ids"].keys() == {"chat_user@team", "email_sha256"}
    assert collector.kept[0]["properties"] == {"ticket_id": "17.5", "priority": "high"}
    assert collector.kept[0]["event_id"] != collector.kept[1]["event_id"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("prefix:", "prefixes:"), "$.senders"),
        (("encoding: hex", "encoding: octal"), "$.senders"),
        (('"text:v0"', "a..b"), "senders.chat.signature.parts"),
        (("window_s: 300", "window_s: 0"), "senders.chat: `moment` needs `window_s`"),
        (("once: [event_id]", "once: []"), "senders.chat.mappings[0]"),
        (("chat_user@", "Chat User"), "senders.chat.ids"),
        (("channel: support", "channel: sea"), "senders.chat.mappings[0].channel"),
        (("ticket_id: event.ts", "ticket_id: 'event[ts'"), "senders.chat.mappings[0].properties.ticket_id"),
        (("x-slack-signature", "X-Slack-Signature"), "senders.chat.signature.header"),
    ],
)
def test_faults_of_own_tables_are_named_with_their_place(tmp_path, change, where) -> None:
    """A table that cannot be used is refused at the start, with the place of the fault."""
    file = tmp_path / "tables.yaml"
    file.write_text(CHAT.replace(*change))
    with pytest.raises(ConfigurationError) as error:
        tables.load(file)
    assert where in str(error.value)


def test_the_documented_tables_work(tmp_path) -> None:
    """The sender of your own in docs/webhooks.md loads, and accepts and answers what it describes."""
    text = (Path(__file__).parents[4] / "docs/webhooks.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(senders:.*?)```", text, re.DOTALL)
    (tmp_path / "tables.yaml").write_text(block)
    (tmp_path / "secret").write_text("new secret")
    collector = Collector(tmp_path, {"COLLECTOR_TABLES": str(tmp_path / "tables.yaml")})
    collector.add("team", sender="chat", secret_file=tmp_path / "secret")
    assert chat(collector, {"type": "url_verification", "challenge": "abc"}).body == b"abc"
    event = {"event_id": "1", "event": {"type": "reaction_added", "user": "U1", "reaction": "+1",
                                        "profile": {"email": "ann@example.com"}}}  # fmt: skip
    assert chat(collector, event).said == {"accepted": 1}
    (kept,) = collector.kept
    assert (kept["type"], kept["properties"]) == ("Satisfaction Rated", {"score": 5, "scale": "csat"})
    robot = {"event_id": "2", "event": {"type": "message", "user": "U1", "bot_id": "B1"}}
    assert chat(collector, robot).said == {"accepted": 0, "ignored": True}


def test_the_page_names_every_sender() -> None:
    """docs/webhooks.md has a row for each sender that ships, with its touchpoints."""
    text = (Path(__file__).parents[4] / "docs/webhooks.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert rows.keys() == SENDERS.keys()
    for name, sender in SENDERS.items():
        for mapping in sender.mappings:
            assert all(word in rows[name] or word in text for word in mapping.type.split()), (name, mapping.type)


def test_words_need_no_quotes_in_yaml(tmp_path) -> None:
    """Grades and yes or no are words too, as YAML writes them."""
    file = tmp_path / "tables.yaml"
    file.write_text(CHAT.replace("{rocket: high}", "{103: 5, true: 1, rocket: high}"))
    (mapping,) = tables.load(file).senders["chat"].mappings
    assert mapping.properties["priority"].words == {"103": 5, "true": 1, "rocket": "high"}


def test_a_body_is_as_large_as_its_sender_needs(tmp_path) -> None:
    """Klaviyo's thousand events come in one request; an answer to a survey is not as large."""
    collector = Collector(tmp_path, {"COLLECTOR_KEY_EVENTS_PER_S": "100000"})
    (tmp_path / "secret").write_text("new secret")
    for sender in ("klaviyo", "typeform"):
        collector.add(sender, sender=sender, secret_file=tmp_path / "secret")
    events = [{"external_id": str(number), "topic": "event:klaviyo.opened_email", "payload": {
        "data": {"attributes": {"datetime": NOW, "event_properties": {"Subject": "x" * 500}}},
        "included": [{"type": "profile", "attributes": {"email": f"a{number}@example.com"}}]}}
        for number in range(1_000)]  # fmt: skip
    raw, stamp = json.dumps({"data": events}).encode(), str(int(time.time()))
    made = hmac.new(b"new secret", raw + stamp.encode(), hashlib.sha256).hexdigest()
    headers = {"klaviyo-signature": made, "klaviyo-timestamp": stamp}
    assert len(raw) > 512_000
    assert collector.ask("/v1/webhooks/klaviyo", raw, key=None, headers=headers).said == {"accepted": 1_000}
    assert collector.ask("/v1/webhooks/typeform", raw, key=None).status == 413


def test_a_long_conversation_is_taken(collector) -> None:
    """What shops and desks send is as long as what people and plug-ins wrote; only what is kept is limited."""
    parts = [{"part_type": "comment", "body": "x" * 10_000}] * 100
    item = {"id": "1", "state": "open", "conversation_parts": parts, "user": {"id": "5f7f"}}
    raw = json.dumps({"id": "n1", "topic": "conversation.user.created", "data": {"item": item}}).encode()
    headers = {"x-hub-signature": f"sha1={hmac.new(b'new secret', raw, hashlib.sha1).hexdigest()}"}
    assert collector.ask("/v1/webhooks/intercom", raw, key=None, headers=headers).status == 200
    assert [each["type"] for each in collector.kept] == ["Ticket Opened"]
