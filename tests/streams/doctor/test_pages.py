import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from streams.doctor import pages
from streams.doctor.finding import Inquiry
from streams.errors import ExitCode, UsageError
from streams.servers import ports
from streams.settings.settings import read

SETTINGS = read({"REDIS_URL": "redis://127.0.0.1:9"})
WHOLE = {"status": "ok", "complete": True, "figures_age_seconds": 1.2}
ROUND = {
    "status": "ok",
    "longest_waiting_seconds": 0.0,
    "last_delay_seconds": 0.07,
    "last_arrival_seconds_ago": 12,
    "lost": 0,
}


@contextmanager
def page(status: int, body: object) -> Iterator[str]:
    """The address of a process whose /health says so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_args) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "state", "said"),
    [
        (200, WHOLE, "ok", "figures of 1s ago, and they are complete"),
        (503, {"status": "not ok", "nobody applies": "partitions 0-7, for 40 s"} | WHOLE, "problem", "0-7, for 40 s"),
        (503, {"status": "not ok", "waiting for": ["figures"], "trouble": "Redis is away."}, "problem", "Redis is"),
        (200, WHOLE | {"complete": False}, "warning", "too low"),
        (200, {"status": "ok"}, "unknown", "does not say"),
        (200, b"<html>", "unknown", "is no exporter"),
        (404, {}, "unknown", "is no exporter"),
    ],
)  # fmt: skip
def test_what_the_exporter_says(status, body, state, said) -> None:
    """Ready and complete, not ready and why, rebuilt; what is no exporter is unknown."""
    with page(status, body) as where:
        [(found, message, remedy, *_)] = pages.exporter(Inquiry(SETTINGS, exporter=f"http://{where}/"))
    assert found == state and said in message and (remedy or state == "ok")


@pytest.mark.parametrize(
    ("status", "body", "states", "said"),
    [
        (200, ROUND, ["ok"], "took 0.07 s from producer to state, 12s ago"),
        (200, ROUND | {"longest_waiting_seconds": 95.0}, ["warning"], "on its way for 1m35s"),
        (200, ROUND | {"lost": 2}, ["warning", "ok"], "2 touchpoints of the canary never came"),
        (503, ROUND | {"status": "not ok", "trouble": "Kafka is away."}, ["warning"], "Kafka is away."),
        (200, ROUND | {"last_delay_seconds": None}, ["remark"], "just started"),
        (200, {"status": "ok"}, ["unknown"], "is no canary"),
    ],
)  # fmt: skip
def test_what_the_canary_says(status, body, states, said) -> None:
    """The last round trip, what waits, what was lost, and what it cannot reach."""
    with page(status, body) as where:
        found = list(pages.canary(Inquiry(SETTINGS, canary=where)))
    assert [each[0] for each in found] == states and said in found[0][1]


@pytest.mark.parametrize(
    ("given", "named", "state"),
    [(None, set(), "unknown"), (None, {"EXPORTER_PORT"}, "problem"), ("option", set(), "problem")],
    ids=["a default", "a setting", "an option"],
)
def test_silence_is_never_in_order(given, named, state) -> None:
    """Where somebody named the address it is a problem; at the default one it is not known."""
    port = ports.free_port()
    settings = read({"REDIS_URL": "redis://127.0.0.1:9", "EXPORTER_PORT": str(port)})
    inquiry = Inquiry(settings, exporter=given and f"127.0.0.1:{port}", named=frozenset(named))
    [(found, message, remedy, *code)] = pages.exporter(inquiry)
    assert found == state and "No exporter answers" in message and "tracker exporter" in remedy
    assert code == ([ExitCode.UNREACHABLE] if state == "problem" else [])


def test_addresses() -> None:
    """As they are written, or those of the settings; everywhere is looked for here."""
    assert pages.address("http://exporter:9464/health", "x", 1, "--exporter") == "exporter:9464"
    assert pages.address("[::1]:9464", "x", 1, "--exporter") == "[::1]:9464"
    assert pages.address(None, "0.0.0.0", 9464, "--exporter") == "127.0.0.1:9464"
    for wrong in ("exporter", "exporter:x", "https://exporter:9464", ":9464"):
        with pytest.raises(UsageError, match="is no address"):
            pages.address(wrong, "x", 1, "--exporter")
