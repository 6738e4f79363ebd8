"""The pages of other processes: the exporter's figures and the canary's round trip, as they tell them over HTTP."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from streams.clients.clients import redis_client
from streams.definitions.reader import served_prefix
from streams.doctor.finding import Inquiry, Result, span
from streams.errors import ExitCode, UsageError
from streams.stores.keys import keys
from tracker.engine.canaries import canaries, newest_sent_ms

ANSWER_WITHIN_S: Final = 3.0
MOST_BYTES: Final = 4_000_000
ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not listened on
LATE_S: Final = 60.0
"""As the alert CanaryLate."""
SILENT_AFTER_S: Final = 600.0
"""A canary beats every 30 seconds; one of whose touchpoints none has come for so long is no canary that runs."""


def exporter(inquiry: Inquiry) -> Iterator[Result]:
    """Whether the exporter answers, how old its figures are, and whether they are complete."""
    where = address(inquiry.exporter, inquiry.settings.http_host, inquiry.settings.exporter_port, "--exporter")
    page = _page(where)
    if page is None:
        yield _silent(inquiry, "exporter", where, "EXPORTER_PORT", inquiry.exporter, "how old the figures are")
        return
    status, body = page
    if status not in {200, 503} or "status" not in body:
        yield "unknown", f"What answers at {where} is no exporter.", "Name the exporter's address with --exporter."
        return
    age_s = body.get("figures_age_seconds")
    age = f"figures of {span(age_s)} ago" if isinstance(age_s, int | float) else "no figures yet"
    if status == 503:
        message = f"The exporter at {where} is not ready, {age}: {_reasons(body)}."
        yield "problem", message, "The findings above say why, or the exporter's log.", ExitCode.FAILED
    elif body.get("complete") is False:
        message = f"The exporter at {where} shows {age}, which are too low: they are built again from Kafka."
        yield "warning", message, "Wait until the workers have caught up, then run `tracker audit`."
    elif body.get("complete") is None:
        yield "unknown", f"The exporter at {where} does not say whether its figures are complete.", "Upgrade it."
    else:
        yield "ok", f"{where} shows {age}, and they are complete", ""


def canary(inquiry: Inquiry) -> Iterator[Result]:
    """How long a touchpoint takes from producer to state."""
    where = address(inquiry.canary, inquiry.settings.http_host, inquiry.settings.canary_port, "--canary")
    page = _page(where)
    if page is None:
        yield _silent_canary(inquiry, where)
        return
    status, body = page
    longest_s, last_s = body.get("longest_waiting_seconds"), body.get("last_delay_seconds")
    if status not in {200, 503} or "status" not in body or longest_s is None:
        yield "unknown", f"What answers at {where} is no canary of this version.", "Name its address with --canary."
        return
    lost = int(body.get("lost", 0))
    if longest_s > LATE_S:
        message = f"A touchpoint of the canary has been on its way for {span(longest_s)}."
        yield "warning", message, "Workers and lag say why; if they say nothing, see deploy/runbooks/CanaryLate.md."
    elif status == 503:
        yield "warning", f"The canary cannot send or read: {body.get('trouble')}", "See Kafka and Redis above."
    if lost:
        message = f"{lost} touchpoints of the canary never came to their state, and later ones did."
        yield "warning", message, "deploy/runbooks/CanaryLost.md says where to look."
    if last_s is None and longest_s <= LATE_S:
        yield "remark", f"The canary at {where} has just started: no touchpoint has come round yet.", ""
    elif last_s is not None and longest_s <= LATE_S and status == 200:
        ago = span(float(body.get("last_arrival_seconds_ago", 0)))
        yield "ok", f"the last touchpoint took {last_s:.2f} s from producer to state, {ago} ago", ""


def address(named: str | None, host: str, port: int, option: str) -> str:
    """HOST:PORT of a page: as named, or where the settings say it listens."""
    if named is None:
        return f"{'127.0.0.1' if host in ANYWHERE else host}:{port}"
    parts = urlsplit(named if "//" in named else f"//{named}")
    try:
        if parts.scheme in {"", "http"} and parts.hostname and parts.port:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{host}:{parts.port}"
    except ValueError:
        pass
    raise UsageError(f"{option} {named} is no address.", "Write HOST:PORT, such as 127.0.0.1:9464.")


def _silent_canary(inquiry: Inquiry, where: str) -> Result:
    """The same for the canary, with what the states say of it: it may run where the doctor cannot reach it."""
    result = _silent(inquiry, "canary", where, "CANARY_PORT", inquiry.canary, "how long a touchpoint takes")
    ago_s = _last_arrival_s(inquiry)
    if ago_s is None:
        return result
    message = f"{result[1]} The last of its touchpoints that arrived was sent {span(ago_s)} ago."
    if result[0] == "unknown" and ago_s < SILENT_AFTER_S:
        return (
            "unknown",
            message,
            "If it runs elsewhere, name its address with --canary; if it has ended, start it: `tracker canary`.",
        )
    return (result[0], message, *result[2:])


def _silent(inquiry: Inquiry, what: str, where: str, variable: str, named: str | None, unknown: str) -> Result:
    """Nothing answers: a problem where somebody says that it must, otherwise something that is not known."""
    message = f"No {what} answers at {where}, so it is not known {unknown}."
    # At port 0 it listens on any free port, so nobody has chosen the address.
    if named is not None or (variable in inquiry.named and not where.endswith(":0")):
        return "problem", message, f"Start it: `tracker {what}`. Its log says why it ended.", ExitCode.UNREACHABLE
    return "unknown", message, f"Start one with `tracker {what}`, or name its address with --{what}."


def _page(where: str) -> tuple[int, dict[str, Any]] | None:
    """Status and body of /health; None where nothing answers."""
    host, _, port = where.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        text = answer.read(MOST_BYTES)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = {}
    return answer.status, body if isinstance(body, dict) else {}


def _reasons(body: Mapping[str, Any]) -> str:
    """What a health page gives as the reason."""
    left_out = {"status", "complete", "figures_age_seconds", "partitions", "trouble"}
    parts = [f"{name}: {_words(value)}" for name, value in body.items() if name not in left_out]
    return (
        "; ".join(part for part in [*parts, str(body.get("trouble", "")).rstrip(".")] if part) or "it gives no reason"
    )


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _last_arrival_s(inquiry: Inquiry) -> float | None:
    """How long ago the newest canary touchpoint that has arrived was sent, as the states say."""
    with closing(redis_client(inquiry.settings)) as client:
        prefix = served_prefix(client)
        with client.pipeline(transaction=False) as pipe:
            for partition, name in enumerate(canaries(inquiry.settings.partitions)):
                pipe.hget(keys(partition, prefix).states, name)
            sent = [newest_sent_ms(record) for record in pipe.execute()]
    newest = max((at_ms for at_ms in sent if at_ms is not None), default=None)
    return None if newest is None else max(0.0, time.time() - newest / 1000)
