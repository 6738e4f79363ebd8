"""What is too much, too slow, unreadable or crafted, over a real connection: a clear 4xx, at once."""

import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.servers import start_private_servers, wait_until
from tests.streams.collector.asking import basic
from tests.streams.collector.serving import Served

pytestmark = pytest.mark.integration

EVENT = {"event_id": "l", "type": "t", "channel": "web", "occurred_at": 1_790_000_000_000, "ids": {"customer_id": "l"}}


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """One collector for all of it, which is well at the end."""
    with start_private_servers() as own:
        bootstrap = own.kafka().bootstrap
        asked = {"COLLECTOR_KEY_EVENTS_PER_S": "1000000", "TRACKER_LOG_LEVEL": "info"}
        made = Served(tmp_path_factory.mktemp("limits"), bootstrap, **asked)
        yield made
        assert made.status("/v1/touchpoints", EVENT) == 200
        assert made.stop() == 0
        assert "Traceback" not in made.log.read_text()


def test_the_access_log_is_json(served) -> None:
    """One object a request, with a request id, a route and a status; no key, customer or type of an event."""
    assert served.status("/v1/touchpoints", EVENT | {"type": "Very Private"}) == 200

    def asked() -> list[dict]:
        lines = [line for line in served.log.read_text().splitlines() if line.startswith("{")]
        return [each for each in map(json.loads, lines) if each["event"] == "request" and each["status"] == 200]

    # The answer may be here before the process has written its line.
    assert all(each["request_id"] and each["route"] == "/v1/touchpoints" for each in wait_until(asked))
    assert not any(word in served.log.read_text() for word in (served.key, "Very Private", '"customer_id"'))


def large(size: int) -> dict:
    return EVENT | {"properties": {"a": "x" * size}}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(large(31_700), 200, id="an event just below 32 kB"),
        pytest.param(large(32_000), 413, id="an event above 32 kB"),
        pytest.param([EVENT] * 2_500, 200, id="2,500 events"),
        pytest.param([EVENT] * 2_501, 413, id="2,501 events"),
        pytest.param([large(20_000)] * 26, 413, id="more than 500 kB"),
        pytest.param(EVENT | {"properties": {"a": json.loads(nested(13))}}, 200, id="16 deep"),
        pytest.param(EVENT | {"properties": {"a": json.loads(nested(20))}}, 400, id="deeper"),
        pytest.param(EVENT | {"properties": dict.fromkeys(map(str, range(1_001)), 1)}, 400, id="1,001 members"),
        pytest.param(nested(10_000), 400, id="10,000 deep"),
        pytest.param(b'{"event_id": "a", "event_id": "b"}', 400, id="a name twice"),
        pytest.param(b'{"event_id": NaN}', 400, id="NaN"),
        pytest.param(b'{"event_id": 1e999}', 400, id="infinity"),
        pytest.param(b"9" * 400_000, 400, id="400,000 digits"),
        pytest.param(json.dumps(EVENT | {"type": "a\0b"}).encode(), 400, id="NUL, escaped"),
        pytest.param(b'{"event_id": "\0"}', 400, id="NUL"),
        pytest.param(b'{"event_id": "\xff\xfe"}', 400, id="no UTF-8"),
        pytest.param(json.dumps(EVENT | {"type": "\ud800"}).encode(), 400, id="half a character"),
        pytest.param(gzip.compress(json.dumps(EVENT).encode()), 200, id="gzip"),
        pytest.param(gzip.compress(b" " * 50_000_000), 413, id="a bomb"),
        pytest.param(gzip.compress(json.dumps(EVENT).encode())[:-1], 400, id="a gzip that ends too early"),
    ],
)
def test_bounds_hold_over_the_wire(served, body, status) -> None:
    """The largest that is allowed is taken; what is beyond, or read differently by others, is refused."""
    began_s = time.monotonic()
    assert served.status("/v1/touchpoints", body) == status
    assert time.monotonic() - began_s < 10


PATHS = [
    "/v1/../v1/touchpoints",
    "/v1/%2e%2e/v1/touchpoints",
    "//v1/touchpoints",
    "/v1/touchpoints%00",
    "/v1/touchpoints;a",
]


@pytest.mark.parametrize("path", PATHS)
def test_tricks_with_paths_lead_nowhere(served, path) -> None:
    """404, and nothing is taken."""
    assert served.status(path, EVENT) == 404


def test_the_slow_are_cut_off(served) -> None:
    """A head or a body that does not end is answered with 408 and closed; a head without end is not kept."""
    place = ("127.0.0.1", served.port)
    login = f"Authorization: {basic(served.key)}\r\nContent-Type: application/json\r\n".encode()
    with (
        socket.create_connection(place, 30) as head,
        socket.create_connection(place, 30) as body,
        socket.create_connection(place, 30) as endless,
    ):
        head.sendall(b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\n")
        body.sendall(b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n" + login + b"\r\n{")
        endless.sendall(b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000)
        time.sleep(0.2)
        endless.sendall(b"x")
        assert endless.recv(100).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
        assert head.recv(100).startswith(b"HTTP/1.1 408")
        assert body.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n1234",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n1234",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/touchpoints\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /../v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_smuggled_requests_are_refused(served, sent) -> None:
    """What two could read differently is a 4xx, and the connection ends."""
    with socket.create_connection(("127.0.0.1", served.port), 30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 4")
