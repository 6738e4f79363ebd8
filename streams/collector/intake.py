"""Intake: the steps of every request that brings events, whatever its format.

Find the source, check the limits, adapt and check each event, wait for Kafka. Only then is the answer 2xx.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from time import time
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import ClientDisconnect, Request

from schemas.topics import REJECTED
from streams.collector.admission import Admission, AdmissionVerdict
from streams.collector.body import MAX_BYTES, Body, Budget
from streams.collector.delivery import Delivery
from streams.collector.metrics import CollectorMetrics
from streams.collector.problems import HttpProblem, Refused
from streams.collector.rate import Limiter
from streams.collector.sources import NamedSource, Sources

MAX_EVENTS: Final = 2_500
# Events handled before other requests get a turn: a full request at once would hold up the event loop.
STRETCH: Final = 50
MAX_KEY_LENGTH: Final = 200
NOBODY: Final = "nobody"

Adapter = Callable[[dict[str, Any], NamedSource, int], "dict[str, Any] | str"]
"""The fields of a touchpoint, or a sentence about why the event is not a touchpoint: (event, source, now_ms)."""


class Accepted(NamedTuple):
    """The outcome of a request: how many events were accepted, and what was wrong with the others."""

    accepted: int
    problems: Sequence[HttpProblem]
    headers: dict[str, str]


class Intake:
    """Runs the steps for one collector process."""

    def __init__(
        self,
        sources: Sources,
        admission: Admission,
        delivery: Delivery,
        metrics: CollectorMetrics,
        keys: Limiter,
        budget: Budget,
    ) -> None:
        self.sources = sources
        self._admission = admission
        self._delivery = delivery
        self._metrics = metrics
        self._keys = keys
        self._budget = budget

    def reading(self, limit: int = MAX_BYTES) -> Body:
        """The body of a request, to be read within `async with`."""
        return Body(self._budget, limit=limit)

    async def body_of(self, request: Request, body: Body) -> bytes:
        """The bytes. Raises `Refused`."""
        headers = request.headers
        encoding = headers.get("content-encoding", "").strip().lower()
        try:
            return await body.read(request.stream(), encoding, headers.get("content-length"))
        except ClientDisconnect:
            raise Refused("bad_request", "The sender closed the connection.", close=True) from None

    def known(self, request: Request) -> NamedSource | None:
        """The source whose key is in the header, None where there is no such header. Raises `Refused`."""
        given = request.headers.get("authorization")
        if given is None:
            return None
        scheme, _, rest = given.partition(" ")
        key = rest.strip()
        if scheme.lower() == "basic":
            try:
                key = base64.b64decode(key, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                key = ""
        return self.source_of(key)

    def source_of(self, key: Any) -> NamedSource:
        """The source of this write key. Raises `Refused`."""
        known = self.sources.by_key(key) if isinstance(key, str) and len(key) <= MAX_KEY_LENGTH else None
        if known is None:
            raise Refused("no_key", "The write key is missing, unknown or revoked.")
        return known

    async def take(
        self,
        request: Request,
        source: NamedSource,
        events: Sequence[Any],
        adapt: Adapter,
        *,
        keep: bool = False,
        patient: bool = False,
    ) -> Accepted:
        """Send the events to Kafka and return when it has confirmed them. Raises `Refused`.

        One bad event refuses the whole request. With `keep` the good events are accepted, and the bad ones go to
        `touchpoints.rejected`. An event that its tracking plan rejects goes there in either case. With `patient` all of
        a request may be bad, for a sender that would give up; what has no id is then nobody's, which is no fault.
        """
        note = request.scope["tracker.note"]
        note |= {"source": source.name, "events": len(events)}
        if len(events) > MAX_EVENTS:
            raise Refused("too_large", f"{len(events)} events; a request may have at most {MAX_EVENTS}.")
        # Whoever floods the key of a page must not use up the allowance of the servers.
        headers = self._keys.require("key", f"{source.name}/browser" if source.browser else source.name, len(events))
        verdicts = await self._judged(source, events, adapt, keep=keep, patient=patient)
        problems = [verdict.problem for verdict in verdicts if verdict.problem]
        faults = [problem for problem in problems if problem.reason != NOBODY]
        bad = [problem for problem in problems if problem.reason != "plan"]
        if faults:
            note["refused"] = len(faults)
            self._metrics.refused(source.name, faults)
            if bad and not keep:
                raise _bad(bad, "nothing was kept")
        await self._delivery.deliver([verdict.message for verdict in verdicts if verdict.message])
        self._metrics.planned(source.name, verdicts)
        if bad and len(problems) == len(verdicts) and not patient:
            raise _bad(problems, f"they were written to {REJECTED}")
        self._metrics.accepted(source.name, len(verdicts) - len(problems))
        return Accepted(len(verdicts) - len(problems), problems, headers)

    async def _judged(
        self, source: NamedSource, events: Sequence[Any], adapt: Adapter, *, keep: bool, patient: bool
    ) -> list[AdmissionVerdict]:
        now_ms = int(time() * 1000)
        verdicts: list[AdmissionVerdict] = []
        for index, event in enumerate(events):
            if index % STRETCH == STRETCH - 1:
                await asyncio.sleep(0)
            verdict = self._verdict(index, event, source, adapt, now_ms)
            if patient and verdict.problem and verdict.problem.reason == "no_id":
                verdict = verdict._replace(problem=msgspec.structs.replace(verdict.problem, reason=NOBODY))
            if keep and verdict.message is None and verdict.problem:
                verdict = verdict._replace(message=self._admission.hold(event, verdict.problem, source, now_ms))
            verdicts.append(verdict)
        return verdicts

    def _verdict(self, index: int, event: Any, source: NamedSource, adapt: Adapter, now_ms: int) -> AdmissionVerdict:
        if flaw := self._admission.flaw_of(event):
            return AdmissionVerdict(None, HttpProblem(index, *flaw))
        wire = adapt(event, source, now_ms)
        if isinstance(wire, str):
            return AdmissionVerdict(None, HttpProblem(index, "not_a_touchpoint", wire))
        return self._admission.admit(index, wire, source, now_ms)


def _bad(problems: Sequence[HttpProblem], fate: str) -> Refused:
    word = "too_large" if all(problem.reason == "too_large" for problem in problems) else "bad_events"
    if all(problem.reason == "not_allowed" for problem in problems):
        word = "not_allowed"
    count = f"{len(problems)} event{'s were' if len(problems) > 1 else ' was'} refused"
    return Refused(word, f"{count}; {fate}.", problems)
