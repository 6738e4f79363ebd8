"""The paths that SDKs send to, what each brings, and the answer that the genuine SDK expects.

2xx means that Kafka has all of the request, events that were put aside included. A refusal has the form that the SDK
reads, so that it knows whether to send again.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from time import time
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from schemas import segment as segment_tables
from schemas.sdks import amplitude as amplitude_tables
from schemas.sdks import posthog as posthog_tables
from schemas.sdks import snowplow as snowplow_tables
from streams.collector import document, segment
from streams.collector.intake import Accepted, Intake
from streams.collector.problems import Refused
from streams.collector.sdks import amplitude, ga4, mixpanel, posthog, snowplow
from streams.collector.sdks.asked import Asked, read
from streams.collector.sdks.making import Surroundings
from streams.collector.sources import NamedSource
from streams.collector.tables import Tables

Handler = Callable[[Request], Awaitable[Response]]
Adapt = Callable[[dict[str, Any], Surroundings], "dict[str, Any] | str"]

JSON: Final = "application/json"
GIF: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)  # fmt: skip
"""A transparent picture of one pixel."""
IMPORTS: Final = ("/import", "/import/")
TRACKS: Final = ("/track", "/track/")
ENGAGES: Final = ("/engage", "/engage/")
GROUPS: Final = ("/groups", "/groups/")
CONFIGURED: Final = ("/array/{token}/config", "/array/{token}/config.js")
NO_FLAGS: Final = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "sessionRecording": False,
    "surveys": False,
    "autocapture_opt_out": True,
    "capturePerformance": False,
    "supportedCompression": ["gzip", "gzip-js"],
}
"""What PostHog's SDKs learn when they ask: there are no flags, recordings and surveys."""


class Route(NamedTuple):
    """A path with its handler and methods."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("POST",)


class SdkRequests(NamedTuple):
    """How one SDK's requests are read and adapted."""

    keys: Callable[[Asked], Sequence[Any]]
    events: Callable[[Asked], list[Any]]
    adapt: Adapt


POSTHOG: Final = SdkRequests(posthog.keys, posthog.shared, posthog.adapt)
AMPLITUDE: Final = SdkRequests(amplitude.keys, amplitude.events, amplitude.adapt)
SNOWPLOW: Final = SdkRequests(snowplow.keys, snowplow.events, snowplow.adapt)
GA4: Final = SdkRequests(ga4.keys, ga4.events, ga4.adapt)
MIXPANEL: Final = SdkRequests(mixpanel.keys, mixpanel.events, mixpanel.adapt)
PROFILES: Final = SdkRequests(mixpanel.keys, mixpanel.updates, mixpanel.adapt_profile)
GROUPED: Final = SdkRequests(mixpanel.keys, mixpanel.updates, mixpanel.adapt_group)


class SdkDoors:
    """What each path does."""

    def __init__(self, intake: Intake, tables: Tables) -> None:
        self._intake = intake
        self._tables = tables

    def routes(self) -> Iterator[Route]:
        """The table of routes."""
        both = ("GET", "POST")
        yield from (Route(path, self.posthog) for path in posthog_tables.PATHS)
        yield from (Route(path, self.flags) for path in posthog_tables.FLAGS)
        yield from (Route(path, self.flags, ("GET",)) for path in CONFIGURED)
        yield from (Route(path, self.amplitude) for path in amplitude_tables.PATHS)
        yield from (Route(path, self._mixpanel(MIXPANEL), both) for path in TRACKS)
        yield from (Route(path, self._mixpanel(MIXPANEL, imports=True), both) for path in IMPORTS)
        yield from (Route(path, self._mixpanel(PROFILES), both) for path in ENGAGES)
        yield from (Route(path, self._mixpanel(GROUPED), both) for path in GROUPS)
        yield Route(snowplow_tables.POST_PATH, self.snowplow)
        yield Route(snowplow_tables.GET_PATH, self.snowplow_pixel, ("GET",))
        yield Route("/mp/collect", self.ga4)
        yield from (Route(f"/v1/pixel/{name}", self._pixel(name), ("GET",)) for name in segment_tables.TYPES)

    async def posthog(self, request: Request) -> Response:
        """PostHog's events. What Amplitude's SDKs send to the same path has `events` instead of `batch`."""
        async with self._intake.reading() as body:
            asked = await read(request, self._intake, body)
            if "events" in asked.object and "batch" not in asked.object:
                return await self._amplitude(request, asked)
            taken = await self._take(request, asked, POSTHOG)
        return _json({"status": "Ok"}, taken)

    async def flags(self, _request: Request) -> Response:
        """No feature flags, so that PostHog's SDKs neither wait nor complain."""
        return Response(msgspec.json.encode(NO_FLAGS), media_type=JSON)

    async def amplitude(self, request: Request) -> Response:
        """Amplitude's events. What PostHog's SDKs send to the same path has `batch` instead of `events`."""
        async with self._intake.reading() as body:
            try:
                asked = await read(request, self._intake, body)
            except Refused as refused:
                return _refused(request, refused, amplitude.codes)
            if "batch" in asked.object:
                return _json({"status": "Ok"}, await self._take(request, asked, POSTHOG))
            return await self._amplitude(request, asked)

    async def _amplitude(self, request: Request, asked: Asked) -> Response:
        try:
            taken = await self._take(request, asked, AMPLITUDE)
        except Refused as refused:
            return _refused(request, refused, amplitude.codes)
        said = {"code": 200, "events_ingested": taken.accepted, "payload_size_bytes": asked.size}
        return _json({**said, "server_upload_time": int(time() * 1000)}, taken)

    def _mixpanel(self, sdk: SdkRequests, *, imports: bool = False) -> Handler:
        async def handle(request: Request) -> Response:
            async with self._intake.reading() as body:
                try:
                    asked = await read(request, self._intake, body)
                    taken = await self._take(request, asked, sdk)
                except Refused as refused:
                    return _refused(request, refused, mixpanel.status_too)
            return _mixpanel_answer(asked, taken, imports=imports)

        return handle

    async def snowplow(self, request: Request) -> Response:
        """Snowplow's events; the SDKs look at the status alone."""
        async with self._intake.reading() as body:
            taken = await self._take(request, await read(request, self._intake, body), SNOWPLOW)
        return Response(b"ok", 200, taken.headers, "text/plain")

    async def snowplow_pixel(self, request: Request) -> Response:
        """One event of Snowplow in the query."""
        asked = Asked(None, dict(request.query_params), 0)
        taken = await self._take(request, asked, SNOWPLOW)
        return Response(GIF, 200, taken.headers, "image/gif")

    async def ga4(self, request: Request) -> Response:
        """Events of the Measurement Protocol, which is answered without a body."""
        async with self._intake.reading() as body:
            taken = await self._take(request, await read(request, self._intake, body), GA4)
        return Response(None, 204, taken.headers)

    def _pixel(self, name: str) -> Handler:
        def events(asked: Asked) -> list[Any]:
            calls = segment.calls(asked.document, name)
            return [{key: value for key, value in call.items() if key != "writeKey"} for call in calls]

        def adapt(call: dict[str, Any], around: Surroundings) -> dict[str, Any] | str:
            return segment.touchpoint(call, around.channels, around.source.rules.channel, around.now_ms)

        sdk = SdkRequests(lambda asked: [asked.object.get("writeKey")], events, adapt)

        async def handle(request: Request) -> Response:
            async with self._intake.reading() as body:
                taken = await self._take(request, await read(request, self._intake, body), sdk)
            return Response(GIF, 200, taken.headers, "image/gif")

        return handle

    async def _take(self, request: Request, asked: Asked, sdk: SdkRequests) -> Accepted:
        """The outcome for all events; those that were put aside are in Kafka too. Raises `Refused`."""
        source = self._source(request, sdk.keys(asked))
        events = sdk.events(asked)
        if not events:
            return Accepted(0, (), {})

        def adapt(event: dict[str, Any], source: NamedSource, now_ms: int) -> dict[str, Any] | str:
            return sdk.adapt(event, Surroundings(source, self._tables.channels, now_ms))

        try:
            return await self._intake.take(request, source, events, adapt, keep=True)
        except Refused as refused:
            if not refused.problems:
                raise
            # All events were put aside. To send them again would change nothing.
            return Accepted(0, refused.problems, {})

    def _source(self, request: Request, given: Iterable[Any]) -> NamedSource:
        """The source of the first key that is known. Raises `Refused`."""
        refusal: Refused | None = None
        for find in (lambda: self._intake.known(request), *(_finder(self._intake, key) for key in given)):
            try:
                if source := find():
                    return source
            except Refused as refused:
                refusal = refused
        raise refusal or _no_key()


def _finder(intake: Intake, key: Any) -> Callable[[], NamedSource]:
    return lambda: intake.source_of(key)


def _no_key() -> Refused:
    return Refused("no_key", "The write key is missing, unknown or revoked.")


def _json(body: dict[str, Any], taken: Accepted) -> Response:
    rejected = {"rejected": list(taken.problems)} if taken.problems else {}
    return Response(msgspec.json.encode(body | rejected), 200, taken.headers, JSON)


def _refused(request: Request, refused: Refused, change: Callable[[dict[str, Any], int], dict[str, Any]]) -> Response:
    said = document.parse(refused.body(request.scope["tracker.request_id"]))
    return Response(msgspec.json.encode(change(said, refused.status)), refused.status, refused.headers, JSON)


def _is_verbose(asked: Asked) -> bool:
    return asked.fields.get("verbose") in {"1", "true"}


def _mixpanel_answer(asked: Asked, taken: Accepted, *, imports: bool) -> Response:
    refused = len(taken.problems)
    is_bad = refused > 0 and taken.accepted == 0
    why = f"{refused} refused: {taken.problems[0].detail}" if refused else None
    if _is_verbose(asked):
        return _json({"status": 0 if is_bad else 1, "error": why}, taken)
    if imports and not asked.is_form:
        return _json({"code": 200, "status": "OK", "num_records_imported": taken.accepted}, taken)
    return Response(b"0" if is_bad else b"1", 200, taken.headers, "text/plain")
