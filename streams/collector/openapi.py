"""The OpenAPI 3.1 document of the collector: every path, its requests and its answers.

Made from the tables of the collector and from the published schemas; it adds no facts of its own.
The collector serves it at `/openapi.json`.
"""

from functools import cache
from typing import Any, Final

import msgspec

from schemas import segment
from schemas.cloudevents import BATCH, REQUIRED, STRUCTURED, VERSIONS
from schemas.rejection import CollectorReason
from schemas.topics import CHANNELS
from schemas.touchpoint import MAX_EVENT_ID_LENGTH
from streams.collector.admission import MAX_TYPE_LENGTH
from streams.collector.body import MAX_BYTES
from streams.collector.intake import MAX_EVENTS
from streams.collector.problems import WORDS
from streams.collector.sdks import described
from streams.wire import schema as wire_schema

Document = dict[str, Any]

JSON: Final = "application/json"
COMMON: Final = ("bad_request", "no_key", "not_allowed", "slow", "too_large", "wrong_type", "too_many", "unavailable")
MEANINGS: Final = {
    400: "The body is not acceptable JSON, or events are bad; each bad event is listed.",
    401: "The write key or the signature is missing, unknown or revoked.",
    403: "The source may not send this channel or type, or the origin is not allowed.",
    404: "There is no webhook source of this name.",
    408: "The body did not arrive in time.",
    409: "The message is too old.",
    413: "The request or an event is too large: split it.",
    415: "The Content-Type or Content-Encoding is not supported.",
    429: "The key or address has reached its rate limit: wait.",
    503: "Kafka has not confirmed: send the request again with the same ids.",
}
RETRY: Final = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}
}
ANYTHING: Final[Document] = {"type": "object"}
MOMENT: Final[Document] = {"type": "string", "format": "date-time"}


def document(channels: tuple[str, ...] = CHANNELS) -> Document:
    """The document of a collector with these channels."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Journey tracker: collector",
            "version": "1.0.0",
            "description": "Accepts touchpoints over HTTP. 2xx means that Kafka has every touchpoint of the request."
            " After 503 send the request again; with the same ids it counts once.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080", "description": "Your collector."}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": {**_own(), **_segment(), **_webhooks(), **described.paths(), **_pages()},
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "The write key is the user name."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "The write key is the token."},
            },
            "responses": {str(status): _refusal(status) for status in MEANINGS},
            "schemas": {**_touchpoint(channels), **_schemas(channels)},
        },
    }


@cache
def encoded(channels: tuple[str, ...]) -> bytes:
    """The document as a collector serves it."""
    return msgspec.json.encode(document(channels))


def _touchpoint(channels: tuple[str, ...]) -> Document:
    """The published schema, with the limits that the collector adds."""
    schemas = wire_schema.components("touchpoint")
    fields = schemas["touchpoint"]["properties"]
    fields["channel"]["enum"] = list(channels)
    fields["type"]["maxLength"] = MAX_TYPE_LENGTH
    return schemas


def _own() -> Document:
    one = {"$ref": "#/components/schemas/touchpoint"}
    some = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS}
    wrapped = {"type": "object", "required": ["touchpoints"], "properties": {"touchpoints": some}}
    events = _cloudevents()
    return {
        "/v1/touchpoints": _post(
            "Touchpoints in the tracker's own schema: one, a list, or an object with a list; CloudEvents too.",
            {JSON: {"anyOf": [one, some, wrapped]}, **events},
            "accepted",
        ),
        "/v1/cloudevents": {
            **_post("CloudEvents 1.0: structured, in batches, or binary.", {**events, JSON: {}}, "accepted"),
            "options": _consent(),
        },
    }


def _consent() -> Document:
    return {
        "summary": "The handshake of CloudEvents for webhooks (WebHook-Request-Origin), else a browser's preflight.",
        "security": [{}],
        "responses": {
            "200": {"description": "The origin may send."},
            "204": {"description": "A browser's page may send."},
        },
    }


def _cloudevents() -> Document:
    one = {"$ref": "#/components/schemas/cloudevent"}
    return {STRUCTURED: one, BATCH: {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS}}


def _segment() -> Document:
    calls = {name: name for name in (*segment.TYPES, "batch")} | segment.SHORT
    key = {
        "name": "writeKey",
        "in": "query",
        "schema": {"type": "string"},
        "description": "For beacons, which cannot set headers.",
    }
    beacon = {"/beacon/v1/batch": {"parameters": [key], **_call("batch")}}
    imports = {"/v1/import": _call("batch")}
    return {**{f"/v1/{path}": _call(name) for path, name in calls.items()}, **imports, **beacon}


def _call(name: str) -> Document:
    schema = {"$ref": f"#/components/schemas/{'batch' if name == 'batch' else name}"}
    what = "Calls of Segment's API, up to 2,500" if name == "batch" else f"A call `{name}` of Segment's API"
    summary = f"{what}; the write key may be in the body as `writeKey`."
    return _post(summary, {JSON: schema, "text/plain": {}}, "success", security=[{"basic": []}, {"bearer": []}, {}])


def _webhooks() -> Document:
    name = {"name": "source", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    summary = "A webhook of a shop, a help desk or another sender, signed with the secret of its source."
    # Some senders post forms or XML; which, is in the table of each.
    body = _post(
        f"{summary} Some post forms or XML.",
        {JSON: {"type": ["object", "array"]}},
        "webhook",
        "not_found",
        "too_old",
        security=[{}, {"basic": []}, {"bearer": []}],
    )
    # The acknowledgement of an outbound message, and the answer to a challenge.
    body["post"]["responses"]["200"]["content"] |= {"text/xml": {}, "text/plain": {}}
    ready = {"description": "There is such a source.", "content": {JSON: {"schema": ANYTHING}}}
    missing = {"404": {"$ref": "#/components/responses/404"}}
    asked = {
        "summary": "What senders ask before a webhook can be made.",
        "security": [{}],
        "responses": {"200": ready, **missing},
    }
    consent = _consent()
    consent["responses"] |= missing
    return {"/v1/webhooks/{source}": {"parameters": [name], **body, "get": asked, "head": asked, "options": consent}}


def _pages() -> Document:
    free: Document = {"security": [{}]}
    ok = {"description": "OK.", "content": {JSON: {"schema": ANYTHING}}}
    live = {"summary": "The process answers.", **free, "responses": {"200": ok}}
    ready = {"summary": "Whether touchpoints are accepted now.", **free, "responses": {"200": ok, "503": ok}}
    itself = {"summary": "This document.", **free, "responses": {"200": ok}}
    return {"/health/live": {"get": live}, "/health/ready": {"get": ready}, "/openapi.json": {"get": itself}}


def _post(summary: str, content: Document, answer: str, *more: str, security: list[Document] | None = None) -> Document:
    statuses = sorted({int(WORDS[word]) for word in (*COMMON, *more)})
    confirmed = {
        "description": "Kafka has confirmed it.",
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{answer}"}}},
    }
    operation: Document = {
        "summary": summary,
        "requestBody": {"required": True, "content": {kind: {"schema": schema} for kind, schema in content.items()}},
        "responses": {"200": confirmed, **{str(each): {"$ref": f"#/components/responses/{each}"} for each in statuses}},
    }
    return {"post": operation | ({"security": security} if security else {})}


def _refusal(status: int) -> Document:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/refusal"}}}
    described: Document = {"description": MEANINGS[status], "content": content}
    return described | ({"headers": RETRY} if status in {429, 503} else {})


def _schemas(channels: tuple[str, ...]) -> Document:
    text, problems = {"type": "string"}, {"$ref": "#/components/schemas/problems"}
    count = {"type": "integer", "minimum": 0}
    return {
        "cloudevent": _event(channels),
        **{name: _of_call(name) for name in segment.TYPES},
        "batch": {
            "type": "object",
            "required": ["batch"],
            "properties": {
                "batch": {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": _any_call()},
                "sentAt": MOMENT,
                "context": ANYTHING,
                "writeKey": text,
            },
        },
        "accepted": _closed({"accepted": count, "rejected": problems}, "accepted"),
        "success": _closed({"success": {"const": True}, "rejected": problems}, "success"),
        "webhook": _closed({"accepted": count, "ignored": {"const": True}, "rejected": problems}, "accepted"),
        "problems": {
            "type": "array",
            "maxItems": MAX_EVENTS,
            "items": _closed(
                {
                    "index": {**count, "description": "Which event, counted from 0."},
                    "reason": {"enum": sorted(CollectorReason.__args__)},  # type: ignore[attr-defined]
                    "detail": text,
                    "event_id": {**text, "maxLength": MAX_EVENT_ID_LENGTH},
                },
                "index",
                "reason",
                "detail",
            ),
        },
        "refusal": _closed(
            {"error": {"enum": sorted(WORDS)}, "message": text, "request_id": text, "problems": problems},
            "error",
            "message",
            "request_id",
        ),
    }


def _closed(properties: Document, *required: str) -> Document:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _event(channels: tuple[str, ...]) -> Document:
    return {
        "type": "object",
        "description": "CloudEvents 1.0; other extension attributes become context of the touchpoint.",
        "required": list(REQUIRED),
        "properties": {
            **{name: {"type": "string", "minLength": 1} for name in REQUIRED},
            "specversion": {"enum": list(VERSIONS)},
            "time": MOMENT,
            **{name: {"type": "string", "minLength": 1} for name in ("customerid", "anonymousid")},
            "channel": {"enum": list(channels), "description": "Not needed where the source has a fixed channel."},
            "data": {},
        },
    }


def _of_call(name: str) -> Document:
    needed = ["event"] if name == "track" else []
    fields = {
        "event": {"type": "string", "minLength": 1},
        "messageId": {"type": "string"},
        "writeKey": {"type": "string"},
    }
    whose = {each: {"type": ["string", "integer", "null"]} for each in ("userId", "anonymousId")}
    moments = dict.fromkeys(segment.MOMENTS, MOMENT)
    inside = dict.fromkeys(("properties", "traits", "context"), ANYTHING)
    return {"type": "object", "required": needed, "properties": {**fields, **whose, **moments, **inside}}


def _any_call() -> Document:
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(segment.TYPES)}},
        "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in segment.TYPES],
        "description": f"A call; a request may have {MAX_BYTES} bytes in all.",
    }
