"""The outer layer of every request: its id, safe headers, allowed origins, one line in the log, always an answer.

It knows nothing of touchpoints. No query, key, body or customer reaches the log.
"""

import re
import secrets
from collections.abc import Collection, MutableMapping
from time import perf_counter
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.collector.metrics import CollectorMetrics
from streams.collector.problems import Refused
from streams.collector.rate import Limiter

log = structlog.get_logger()

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")
SAFE: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
ASKED_HEADERS: Final = re.compile(rb"[A-Za-z0-9-]{1,64}(?: *, *[A-Za-z0-9-]{1,64}){0,31}")
"""Libraries send headers of their own (RudderStack's: `anonymousid`, `rsa-…`), so a preflight may ask for any name."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
"""Who asks from the machine itself could stop the process anyway; its probes are never refused."""
PROBES_PER_S: Final = 20
"""Requests for `/health` of one address. A balancer or a kubelet asks about once a second for each process."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})


class Note(dict[str, Any]):
    """What handlers add to the log and the metrics of a request: `route`, `source`, `events`, `refused`."""


class Door:
    """Wraps the application."""

    def __init__(
        self, inside: ASGIApp, metrics: CollectorMetrics, addresses: Limiter, origins: Collection[str]
    ) -> None:
        self._inside = inside
        self._metrics = metrics
        self._addresses = addresses
        self._probes = Limiter(PROBES_PER_S)
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        began_s = perf_counter()
        answer = _Answer(scope, send, self._origins)
        try:
            self._require_allowed(scope, answer)
            if scope["method"] == "OPTIONS" and not _asks_consent(scope):
                await self._preflight(scope, answer)
            else:
                await self._inside(scope, receive, answer.send)
        except Refused as refused:
            await answer.refuse(refused)
        except Exception as error:  # noqa: BLE001  # a producer gets an answer, whatever happened
            log.error("request failed", error=f"{type(error).__name__}: {error}", request_id=answer.request_id)  # noqa: TRY400
            await answer.refuse(Refused("fault", "The collector failed; its log has the request_id.", close=True))
        self._record(scope, answer, perf_counter() - began_s)

    def _require_allowed(self, scope: Scope, answer: "_Answer") -> None:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        if len(lengths) > 1 or (lengths and chunked):
            # A proxy that reads this differently would see other requests than we do: request smuggling.
            raise Refused(
                "bad_request", "Content-Length must be given once, and without Transfer-Encoding.", close=True
            )
        if not answer.allowed:
            raise Refused("not_allowed", "Pages of this origin may not send here.", close=True)
        host = (scope.get("client") or ("",))[0]
        if not scope["path"].startswith("/health"):
            self._addresses.require("address", host)
        elif host not in LOOPBACK:
            # A bucket of their own: no flood of touchpoints through the same balancer starves its probes.
            self._probes.require("address", host)

    async def _preflight(self, scope: Scope, answer: "_Answer") -> None:
        scope["tracker.note"]["route"] = "preflight"
        asked = dict(scope["headers"]).get(b"access-control-request-headers", b"").strip()
        headers = [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", asked if ASKED_HEADERS.fullmatch(asked) else b"authorization"),
            (b"access-control-max-age", b"600"),
        ]
        await answer.send({"type": "http.response.start", "status": 204, "headers": headers})
        await answer.send({"type": "http.response.body", "body": b""})

    def _record(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        note = scope["tracker.note"]
        route = note.pop("route", "other")
        self._metrics.answered(route, answer.status, seconds)
        if route.startswith("/health"):
            return
        method = scope["method"] if scope["method"] in METHODS else "other"
        log.info(
            "request", method=method, route=route, status=answer.status, ms=round(seconds * 1000, 1),
            request_id=answer.request_id, **note,
        )  # fmt: skip


def _asks_consent(scope: Scope) -> bool:
    """Whether a sender of webhooks asks if it may send, and not a browser."""
    return any(name == b"webhook-request-origin" for name, _ in scope["headers"])


class _Answer:
    """One answer: adds the headers that every answer has, and remembers the status."""

    def __init__(self, scope: Scope, send: Send, origins: frozenset[bytes]) -> None:
        headers: MutableMapping[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        self.request_id = given.decode() if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        origin = headers.get(b"origin")
        self.allowed = origin is None or origin in origins
        self.status = 0
        self._send = send
        self._headers = [*SAFE, (b"x-request-id", self.request_id.encode()), (b"vary", b"origin")]
        if origin is not None and self.allowed:
            self._headers += [
                (b"access-control-allow-origin", origin),
                # Snowplow's library asks for it, and its requests fail without. The collector knows no cookies.
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"x-request-id, retry-after, ratelimit, ratelimit-policy"),
            ]
        scope["tracker.note"] = Note()
        scope["tracker.request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        """Send the message; the first one gets our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        await self._send(message)

    async def refuse(self, refused: Refused) -> None:
        """Send the answer of a refusal; nothing where an answer has begun."""
        if self.status:
            return
        body = refused.body(self.request_id)
        headers = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
