"""What an SDK has sent: its document, whatever it is packed into, and the fields beside it.

JSON may come as a body, in gzip without saying so, in a form's field `data`, in base64, or in the query.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request

from streams.collector import document
from streams.collector.body import GZIP_MAGIC, Body
from streams.collector.intake import Intake
from streams.collector.problems import Refused

FORM: Final = "application/x-www-form-urlencoded"
LINES: Final = "application/x-ndjson"
TYPES: Final = ("application/json", "text/plain", "", FORM, LINES, "application/octet-stream")
"""Browsers send `text/plain` to avoid a CORS preflight, also for gzip."""
MAX_FIELDS: Final = 100
_FROM_URL: Final = bytes.maketrans(b"-_ ", b"+/+")
"""Base64 for addresses has other signs for `+` and `/`; a `+` that was not escaped in a form has become a blank."""


class Asked(NamedTuple):
    """A request of an SDK."""

    document: Any
    fields: Mapping[str, str]
    """Fields of the query and of the form."""
    size: int
    """Bytes of the body, inflated."""
    is_form: bool = False

    @property
    def object(self) -> dict[str, Any]:
        """The document where it is an object, else an empty one."""
        return self.document if isinstance(self.document, dict) else {}


async def read(request: Request, intake: Intake, body: Body) -> Asked:
    """What was sent. Raises `Refused`."""
    fields = dict(request.query_params)
    if request.method == "GET":
        given = fields.pop("data", None)
        return Asked(None if given is None else unpacked(given.encode(), body), fields, 0, is_form=True)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise Refused("wrong_type", f"Content-Type must be one of {', '.join(filter(None, TYPES))}.", close=True)
    raw = await intake.body_of(request, body)
    if raw.startswith(GZIP_MAGIC):
        raw = body.inflated(raw)
    if raw.startswith(b"data="):
        form = _form(raw)
        return Asked(unpacked(form.pop("data").encode(), body), {**fields, **form}, len(raw), is_form=True)
    if kind == LINES:
        return Asked([document.read(line) for line in raw.splitlines() if line.strip()], fields, len(raw))
    return Asked(unpacked(raw, body), fields, len(raw))


def _form(raw: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise Refused("bad_request", "The body is not a form in UTF-8 with a field `data`.") from error


def unpacked(raw: bytes, body: Body) -> Any:
    """The JSON in the bytes, which may be in base64. Raises `Refused`."""
    start = raw.lstrip()[:1]
    if start not in {b"{", b"["} and (plain := unbase64(raw)) is not None:
        raw = body.inflated(plain) if plain.startswith(GZIP_MAGIC) else plain
    return document.read(raw)


def unbase64(given: str | bytes) -> bytes | None:
    """The bytes of a text in either alphabet of base64, with or without padding; None for any other text."""
    text = (given.encode("ascii", "replace") if isinstance(given, str) else given).strip().translate(_FROM_URL)
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True) or None
    except ValueError:
        return None
