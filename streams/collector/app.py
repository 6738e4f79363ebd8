"""The collector's routes, and how one process is wired."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas import segment as segment_tables
from schemas.cloudevents import BATCH, JSON_TYPES, STRUCTURED
from streams.clients.clients import kafka_arguments
from streams.clients.publisher import Publisher
from streams.collector import cloudevents, document, openapi, segment
from streams.collector.admission import Admission
from streams.collector.body import Budget
from streams.collector.delivery import Delivery, PlainPublisher
from streams.collector.door import Door
from streams.collector.intake import MAX_EVENTS, Accepted, Intake
from streams.collector.metrics import CollectorMetrics
from streams.collector.personal import Pseudonyms
from streams.collector.plans import Plans
from streams.collector.problems import Refused
from streams.collector.rate import Limiter
from streams.collector.sdks.doors import SdkDoors
from streams.collector.sources import NamedSource, Sources
from streams.collector.tables import Tables, load
from streams.collector.webhooks.mapped import Mapper
from streams.collector.webhooks.route import METHODS, WebhookRoute, consent
from streams.errors import ConfigurationError
from streams.process.health import Check
from streams.settings.settings import Settings

Handler = Callable[[Request], Awaitable[Response]]
JSON: Final = ("application/json", "text/plain", "")
"""Browsers send `text/plain` to avoid a CORS preflight, and some senders name no type."""
LOOSE: Final = (*JSON, "application/x-www-form-urlencoded", "application/octet-stream")
"""RudderStack's library for Node sends gzip under the default type of its HTTP library."""


class Endpoint:
    """One route: its methods, its name in log and metrics, what it does."""

    def __init__(self, path: str, handler: Handler, *methods: str) -> None:
        self.path = path
        self._handler = handler
        self._methods = methods or ("POST",)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises `Refused`."""
        scope["tracker.note"]["route"] = self.path
        if scope["method"] not in self._methods:
            raise Refused(
                "wrong_method", "This path does not accept this method.", headers={"allow": ", ".join(self._methods)}
            )
        answer = await self._handler(Request(scope, receive))
        await answer(scope, receive, send)


class Collector:
    """What each route does."""

    def __init__(self, intake: Intake, ready: Check, tables: Tables, webhooks: WebhookRoute, described: bytes) -> None:
        self._intake = intake
        self._webhooks = webhooks
        self._ready = ready
        self._tables = tables
        self._openapi = described
        self._sdks = SdkDoors(intake, tables)

    def routes(self) -> list[Endpoint]:
        """The table of routes."""
        calls = {name: name for name in (*segment_tables.TYPES, "batch")} | segment_tables.SHORT
        return [
            Endpoint("/v1/touchpoints", self.touchpoints),
            Endpoint("/v1/cloudevents", self.cloudevents, "POST", "OPTIONS"),
            *(Endpoint(f"/v1/{path}", self._segment(name)) for path, name in calls.items()),
            Endpoint("/beacon/v1/batch", self._segment("batch")),
            Endpoint("/v1/import", self._segment("batch")),
            Endpoint("/v1/webhooks/{source}", self._webhooks, *METHODS),
            Endpoint("/openapi.json", self.openapi, "GET", "HEAD"),
            Endpoint("/health/live", self.live, "GET", "HEAD"),
            Endpoint("/health/ready", self.ready, "GET", "HEAD"),
            *(Endpoint(path, handler, *methods) for path, handler, methods in self._sdks.routes()),
        ]

    async def touchpoints(self, request: Request) -> Response:
        """Touchpoints in the tracker's own schema: one, a list, or `{"touchpoints": [...]}`; CloudEvents too."""
        kind = content_type(request)
        if kind in {STRUCTURED, BATCH} or cloudevents.is_binary(request.headers):
            return await self.cloudevents(request)
        known = self._intake.known(request)
        async with self._intake.reading() as body:
            found = document.read(await self._json(request, body, JSON))
            if isinstance(found, dict) and "touchpoints" in found:
                known = known or self._intake.source_of(found.get("write_key"))
                found = found["touchpoints"]
            events = found if isinstance(found, list) else [found]
            if not events:
                raise Refused("bad_request", "The list of touchpoints is empty.")
            taken = await self._intake.take(request, known or self._intake.source_of(None), events, _own)
        return answer(taken, {"accepted": taken.accepted})

    async def cloudevents(self, request: Request) -> Response:
        """CloudEvents 1.0: structured, in batches, or binary; and the handshake of senders that ask first."""
        if request.method == "OPTIONS":
            return consent(request)
        known = self._intake.known(request) or self._intake.source_of(None)
        kind = content_type(request)
        async with self._intake.reading() as body:
            if cloudevents.is_binary(request.headers):
                data = await self._json(request, body, JSON_TYPES)
                events = [cloudevents.of_headers(request.headers.items(), document.read(data) if data else None)]
            else:
                events = cloudevents.events(document.read(await self._json(request, body, (STRUCTURED, BATCH))), kind)
            taken = await self._intake.take(request, known, events, _cloud)
        return answer(taken, {"accepted": taken.accepted})

    def _segment(self, name: str) -> Handler:
        async def handle(request: Request) -> Response:
            known = self._intake.known(request)
            async with self._intake.reading() as body:
                found = document.read(await self._json(request, body, LOOSE))
                calls = segment.calls(found, name)
                # A beacon cannot set headers; RudderStack's has its key in the query.
                key = found.get("writeKey") or request.query_params.get("writeKey")
                source = known or self._intake.source_of(key)
                taken = await self._intake.take(request, source, calls, self._call, keep=True)
            return answer(taken, {"success": True})

        return handle

    def _call(self, call: dict[str, Any], source: NamedSource, now_ms: int) -> dict[str, Any]:
        call.pop("writeKey", None)
        return segment.touchpoint(call, self._tables.channels, source.rules.channel, now_ms)

    async def _json(self, request: Request, body: Any, allowed: tuple[str, ...]) -> bytes:
        kind = content_type(request)
        if kind not in allowed and not (allowed[0] == JSON[0] and kind.endswith("+json")):
            raise Refused(
                "wrong_type", f"Content-Type must be one of {', '.join(filter(None, allowed))}.", close=bool(kind)
            )
        return await self._intake.body_of(request, body)

    async def openapi(self, _request: Request) -> Response:
        """The OpenAPI document of this collector."""
        return Response(self._openapi, media_type="application/json")

    async def live(self, _request: Request) -> Response:
        """The process answers."""
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def ready(self, _request: Request) -> Response:
        """Whether touchpoints are accepted now."""
        trouble = self._ready()
        body = {"status": "ok"} if trouble is None else {"status": "not ok", **trouble}
        return Response(msgspec.json.encode(body), 200 if trouble is None else 503, media_type="application/json")


def content_type(request: Request) -> str:
    """The media type, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def answer(taken: Accepted, body: dict[str, Any]) -> Response:
    """The answer to an accepted request; events that were rejected are listed."""
    rejected = {"rejected": list(taken.problems)} if taken.problems else {}
    return Response(msgspec.json.encode(body | rejected), 200, taken.headers, "application/json")


def _own(event: dict[str, Any], source: NamedSource, _now_ms: int) -> dict[str, Any]:
    wire = dict(event)
    if source.rules.channel is not None:
        wire.setdefault("channel", source.rules.channel)
    return wire


def _cloud(event: dict[str, Any], source: NamedSource, now_ms: int) -> dict[str, Any] | str:
    if fault := cloudevents.fault_of(event) or cloudevents.unpack(event):
        return fault
    return cloudevents.touchpoint(event, source.rules.channel, now_ms, source.rules.subject_is)


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Refused("not_found", "There is no such path.", close=True)


class Wired(NamedTuple):
    """The parts of a process that are started and stopped."""

    app: ASGIApp
    delivery: Delivery
    metrics: CollectorMetrics


def wire(settings: Settings, ready: Check, publisher: Publisher | None = None) -> Wired:
    """One process' collector; nothing is connected yet. Raises ConfigurationError."""
    key = settings.hash_key
    if key is None:
        raise ConfigurationError(
            "TRACKER_HASH_KEY is missing.",
            "Set it to the output of `openssl rand -hex 32`, the same for every collector, and keep it.",
        )
    publisher = publisher or PlainPublisher(kafka_arguments(settings), timeout_s=settings.collector_confirm_s)
    delivery = Delivery(
        publisher, max_messages=settings.collector_queue_events, max_bytes=settings.collector_queue_bytes
    )
    metrics = CollectorMetrics(delivery)
    intake = Intake(
        Sources(settings.collector_keys),
        Admission(
            settings.channels, settings.partitions, Pseudonyms(key), Plans(settings.collector_plans), settings.kinds
        ),
        delivery,
        metrics,
        Limiter(settings.collector_key_events_per_s, MAX_EVENTS),
        Budget(settings.collector_queue_bytes),
    )
    tables = load(settings.collector_tables, settings.channels)
    webhooks = WebhookRoute(intake, metrics, tables.senders, Mapper(key))
    collector = Collector(intake, ready, tables, webhooks, openapi.encoded(settings.channels))
    routes = [Route(each.path, each) for each in collector.routes()]
    router = Router(routes, redirect_slashes=False, default=_nowhere)
    addresses = Limiter(settings.collector_address_requests_per_s)
    return Wired(Door(router, metrics, addresses, settings.collector_origins or ()), delivery, metrics)
