"""The paths of SDKs in the OpenAPI document. What each SDK sends is its vendor's to describe."""

from typing import Any, Final

from schemas import segment
from schemas.sdks import amplitude, posthog, snowplow
from streams.collector.sdks import doors

Document = dict[str, Any]

JSON: Final = "application/json"
TEXT: Final = "text/plain"
FORM: Final = "application/x-www-form-urlencoded"
LINES: Final = "application/x-ndjson"
STATUSES: Final = (400, 401, 403, 408, 413, 415, 429, 503)
OBJECT: Final[Document] = {"type": "object"}
ANY_OF: Final[Document] = {"type": ["object", "array"]}
PROBLEMS: Final[Document] = {"$ref": "#/components/schemas/problems"}
COUNT: Final[Document] = {"type": "integer", "minimum": 0}


def paths() -> Document:
    """The paths, each with its methods."""
    hello = _json({"status": {"const": "Ok"}, "rejected": PROBLEMS}, "status")
    counted = _json(
        {"code": {"const": 200}, "events_ingested": COUNT, "payload_size_bytes": COUNT, "server_upload_time": COUNT,
         "rejected": PROBLEMS},
        "code", "events_ingested",
    )  # fmt: skip
    either = {JSON: {"schema": {"anyOf": [hello[JSON]["schema"], counted[JSON]["schema"]]}}}
    status = _json({"status": {"enum": [0, 1]}, "error": {"type": ["string", "null"]}, "rejected": PROBLEMS}, "status")
    word = {TEXT: {"schema": {"enum": ["0", "1"]}}}
    imported = _json(
        {"code": {"const": 200}, "status": {"enum": ["OK", 0, 1]}, "num_records_imported": COUNT,
         "error": {"type": ["string", "null"]}, "rejected": PROBLEMS},
        "status",
    )  # fmt: skip
    pixel = {"image/gif": {"schema": {"type": "string", "contentMediaType": "image/gif"}}}
    mixpanel = {path: {**status, **word} for path in (*doors.TRACKS, *doors.ENGAGES, *doors.GROUPS)}
    mixpanel |= {path: {**imported, **word} for path in doors.IMPORTS}
    free = _answers("PostHog's SDKs ask for feature flags; there are none.", {JSON: {"schema": OBJECT}}, ())
    token = {"name": "token", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        **{path: {"post": _sent("Events of PostHog's SDKs.", either if path == "/batch/" else hello)}
           for path in posthog.PATHS},
        **{path: {"post": free} for path in posthog.FLAGS},
        **{path: {"parameters": [token], "get": free} for path in doors.CONFIGURED},
        **{path: {"post": _sent("Events of Amplitude's SDKs.", either if path == "/batch" else counted, own=True)}
           for path in amplitude.PATHS},
        **{path: {"get": _asked("data", "What Mixpanel's SDKs send, in the query.", answer, own=True),
                  "post": _sent("What Mixpanel's SDKs send.", answer, own=True)}
           for path, answer in mixpanel.items()},
        snowplow.POST_PATH: {
            "post": _sent("Events of Snowplow's trackers; `aid` is the write key.", {TEXT: {"schema": {"const": "ok"}}})
        },
        snowplow.GET_PATH: {"get": _asked("aid", "One event of a Snowplow tracker.", pixel)},
        "/mp/collect": {"post": _collected()},
        **{f"/v1/pixel/{name}": {"get": _asked("data", f"A call `{name}` of Segment's API, as an image.", pixel)}
           for name in segment.TYPES},
    }  # fmt: skip


def _json(properties: Document, *required: str) -> Document:
    return {JSON: {"schema": {"type": "object", "properties": properties, "required": list(required)}}}


def _answers(summary: str, content: Document, statuses: tuple[int, ...], *, own: bool = False) -> Document:
    """An operation; `own`: a refusal has members that the SDK reads, besides those of all refusals."""
    refusal: Document = {"description": "Refused.", "content": {JSON: {"schema": OBJECT}}}
    others = {str(each): refusal if own else {"$ref": f"#/components/responses/{each}"} for each in statuses}
    confirmed = {"description": "Kafka has confirmed it.", "content": content} if content else {"description": "Kept."}
    return {"summary": summary, "security": [{}], "responses": {"200" if content else "204": confirmed, **others}}


def _sent(summary: str, content: Document, *, own: bool = False) -> Document:
    body = {JSON: {"schema": ANY_OF}, TEXT: {"schema": {"type": "string"}}}
    return _answers(summary, content, STATUSES, own=own) | {"requestBody": {"required": True, "content": body}}


def _asked(name: str, summary: str, content: Document, *, own: bool = False) -> Document:
    field = {"name": name, "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
    return _answers(summary, content, STATUSES, own=own) | {"parameters": [field]}


def _collected() -> Document:
    key = {"name": "api_secret", "in": "query", "schema": {"type": "string"}, "description": "The write key."}
    summary = "Events of Google Analytics 4's Measurement Protocol."
    body = {JSON: {"schema": OBJECT}, TEXT: {"schema": {"type": "string"}}}
    return _answers(summary, {}, STATUSES) | {"parameters": [key], "requestBody": {"required": True, "content": body}}
