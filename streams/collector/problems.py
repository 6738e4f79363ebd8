"""The collector's error answers: an HTTP status, a word for machines, a sentence for people.

It knows nothing of how the answer is sent.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from schemas.rejection import CollectorReason

# A closed set: each value is a label of `tracker_collector_refused_total`.
WORDS: Final = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "not_json": HTTPStatus.BAD_REQUEST,
    "bad_encoding": HTTPStatus.BAD_REQUEST,
    "bad_events": HTTPStatus.BAD_REQUEST,
    "bad_signature": HTTPStatus.UNAUTHORIZED,
    "no_key": HTTPStatus.UNAUTHORIZED,
    "not_allowed": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "wrong_method": HTTPStatus.METHOD_NOT_ALLOWED,
    "slow": HTTPStatus.REQUEST_TIMEOUT,
    "too_old": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "wrong_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too_many": HTTPStatus.TOO_MANY_REQUESTS,
    "fault": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}


class HttpProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one event of a request."""

    index: int
    """Which event, counted from 0."""
    reason: CollectorReason
    detail: str
    event_id: str | None = None


class Refused(Exception):  # noqa: N818  # a decision, not a fault
    """Raised to answer a request with an error."""

    def __init__(
        self,
        word: str,
        detail: str,
        problems: Sequence[HttpProblem] = (),
        headers: Mapping[str, str] | None = None,
        *,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.word = word
        self.detail = detail
        self.problems = problems
        self.headers = dict(headers or {})
        if close:
            # The rest of the body is not read, so the connection cannot be used again.
            self.headers["connection"] = "close"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(WORDS[self.word])

    def body(self, request_id: str) -> bytes:
        """The answer as JSON."""
        answer = {"error": self.word, "message": self.detail, "request_id": request_id}
        return msgspec.json.encode(answer | ({"problems": list(self.problems)} if self.problems else {}))


def unavailable(detail: str, after_s: int = 2) -> Refused:
    """503: nothing was kept, or it is unknown whether it was. Sent again with the same ids, events count once."""
    return Refused("unavailable", detail, headers={"retry-after": str(after_s)})
