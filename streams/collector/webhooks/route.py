"""The route of webhooks: from the request of a sender to its answer.

Senders give up on webhooks that fail, so what is signed and cannot be used is answered 2xx: it is counted, and put
aside where it holds something.
"""

import asyncio
import re
from dataclasses import dataclass
from time import time
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas.webhooks.form import WebhookSender
from streams.collector.intake import NOBODY, STRETCH, Accepted, Intake
from streams.collector.metrics import CollectorMetrics
from streams.collector.problems import Refused
from streams.collector.sources import NamedSource
from streams.collector.webhooks import bodies
from streams.collector.webhooks.mapped import OF_REQUEST, Mapped, Mapper, Notification, meets
from streams.collector.webhooks.places import walk
from streams.collector.webhooks.signatures import Letter, reads_body, require_recent, since_1970, verify

METHODS: Final = ("POST", "GET", "HEAD", "OPTIONS")
JSON: Final = "application/json"
MAX_CHALLENGE: Final = 1_024
_ORIGIN: Final = re.compile(r"[A-Za-z0-9.:/_-]{1,256}")
_ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class WebhookRoute:
    """Answers the requests of senders."""

    intake: Intake
    metrics: CollectorMetrics
    senders: dict[str, WebhookSender]
    mapper: Mapper

    async def __call__(self, request: Request) -> Response:
        """One request. Raises `Refused`."""
        source = self.intake.sources.by_name(request.path_params["source"])
        sender = self.senders.get(source.rules.sender or "") if source else None
        if source is None or sender is None:
            raise Refused("not_found", "There is no webhook source of this name.", close=True)
        if request.method == "OPTIONS":
            return consent(request)
        if request.method in {"GET", "HEAD"}:
            # SurveyMonkey, Intercom, Mandrill and Mailchimp ask so before a webhook can be made.
            return Response(b'{"status":"ok"}', media_type=JSON)
        return await self._post(request, source, sender)

    async def _post(self, request: Request, source: NamedSource, sender: WebhookSender) -> Response:
        async with self.intake.reading(sender.most_bytes) as body:
            raw = await self.intake.body_of(request, body)
            if _is_ping(sender, raw):
                return _answer(sender, {"accepted": 0})
            letter = self._genuine(request, source, sender, raw)
            now_ms = int(time() * 1000)
            if (said := _challenged(sender, letter, now_ms)) is not None:
                return said
            mapped: list[Mapped] = []
            for index, message in enumerate(messages(sender, letter, now_ms)):
                if index % STRETCH == STRETCH - 1:
                    await asyncio.sleep(0)
                mapped.append(self.mapper.touchpoint(source, sender, message, now_ms))
            taken = await self._take(request, source, mapped)
        return _answer(sender, _told(taken, mapped), taken.headers if taken else {})

    def _genuine(self, request: Request, source: NamedSource, sender: WebhookSender, raw: bytes) -> Letter:
        """The request, when its signature or its key is right. Raises `Refused`."""
        letter = Letter(request.method, _url(request, source), request.headers, raw)
        rule = sender.signature
        if rule is None:
            known = self._keyed(request, sender)
            # A key of pages, which everybody can read, speaks for no sender.
            if known is None or known.name != source.name or known.browser:
                raise Refused("no_key", "This sender does not sign; it must send a write key of its source.")
            return letter._replace(body=bodies.read(sender, raw))
        if reads_body(rule):
            letter = letter._replace(body=bodies.read(sender, raw))
        verify(rule, letter, self.intake.sources.secrets(source))
        return letter if reads_body(rule) else letter._replace(body=bodies.read(sender, raw))

    def _keyed(self, request: Request, sender: WebhookSender) -> NamedSource | None:
        known = self.intake.known(request)
        if known is None and sender.key_parameter and (given := request.query_params.get(sender.key_parameter)):
            # The address of a request reaches no log of ours; those of proxies may have it.
            return self.intake.source_of(given)
        return known

    async def _take(self, request: Request, source: NamedSource, mapped: list[Mapped]) -> Accepted | None:
        for each in mapped:
            if each.why:
                self.metrics.passed_over(source.name, each.topic, each.why)
        wires = [each for each in mapped if each.wire is not None]
        if not wires:
            request.scope["tracker.note"] |= {"source": source.name, "events": len(mapped)}
            return None
        events = [each.wire for each in wires]
        taken = await self.intake.take(request, source, events, _as_mapped, keep=True, patient=True)
        for problem in taken.problems:
            if problem.reason == NOBODY:
                self.metrics.passed_over(source.name, wires[problem.index].topic, NOBODY)
        return taken


def messages(sender: WebhookSender, letter: Letter, now_ms: int) -> list[Notification]:
    """The events of a genuine request, when it is not too old. Raises `Refused`."""
    found = [Notification(sender, letter, event) for event in bodies.events(sender, letter.body)]
    # Where the request has a time of its own, all of its events have it.
    timed = found[:1] if all(path.startswith(OF_REQUEST) for path in sender.moment) else found
    for message in timed:
        stamp = message.find(sender.moment)
        # A deleted order is a number alone, without a time: it is passed over, or put aside.
        if timed is not found or since_1970(stamp) is not None:
            require_recent(sender, stamp, now_ms)
    return found


def consent(request: Request) -> Response:
    """The answer of CloudEvents' handshake for webhooks: the sender that asks may send."""
    origin = request.headers.get("webhook-request-origin", "")
    if not _ORIGIN.fullmatch(origin):
        raise Refused("wrong_method", "OPTIONS needs WebHook-Request-Origin here.", headers={"allow": "POST"})
    headers = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*", "allow": "POST"}
    return Response(b"", 200, headers)


def _as_mapped(event: dict[str, Any], _source: NamedSource, _now_ms: int) -> dict[str, Any]:
    return event


def _is_ping(sender: WebhookSender, raw: bytes) -> bool:
    start = sender.ping.encode()
    rest = raw[len(start) :]
    return bool(start) and raw.startswith(start) and len(rest) <= 20 and rest.isdigit()


def _url(request: Request, source: NamedSource) -> str:
    """The address that the sender called. Where the source does not name it, a proxy has kept the host."""
    query = f"?{request.url.query}" if request.url.query else ""
    base = source.rules.public_url or f"https://{request.headers.get('host', '')}{request.url.path}"
    return base if "?" in base else f"{base}{query}"


def _challenged(sender: WebhookSender, letter: Letter, now_ms: int) -> Response | None:
    rule = sender.challenge
    if rule is None or not meets(lambda path: walk(letter.body, path), rule.where):
        return None
    require_recent(sender, Notification(sender, letter, letter.body).find(sender.moment), now_ms)
    value = walk(letter.body, rule.answer)
    if not isinstance(value, str) or len(value) > MAX_CHALLENGE:
        raise Refused("bad_request", f"The challenge has no text at `{rule.answer}`.")
    if rule.form == "json":
        return Response(msgspec.json.encode({rule.answer.rpartition(".")[2]: value}), media_type=JSON)
    return Response(value, media_type="text/plain")


def _told(taken: Accepted | None, mapped: list[Mapped]) -> dict[str, Any]:
    """What the answer says of the events."""
    if taken is None:
        return {"accepted": 0} | ({"ignored": True} if mapped else {})
    rejected = {"rejected": list(taken.problems)} if taken.problems else {}
    return {"accepted": taken.accepted} | rejected


def _answer(sender: WebhookSender, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    if sender.answer == "soap":
        return Response(_ACK, 200, headers, "text/xml")
    return Response(msgspec.json.encode(body), 200, headers, JSON)
