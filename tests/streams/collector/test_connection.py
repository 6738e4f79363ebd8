"""Bounds on connections; those on heads and slow senders are in tests/integration/test_collector_limits.py."""

import http.client
from urllib.parse import urlsplit

import pytest

from streams.collector.connection import BoundedConnection
from tests.servers import wait_until
from tests.streams.collector.asking import Collector
from tests.streams.collector.living import living


def test_too_many_connections_are_answered_503(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection above the limit gets 503 with Retry-After, until another one has closed."""
    monkeypatch.setattr(BoundedConnection, "most_connections", 1)
    with living(Collector(tmp_path)) as url:
        place = urlsplit(url).netloc
        first, second = http.client.HTTPConnection(place, timeout=10), http.client.HTTPConnection(place, timeout=10)
        assert asked(first) == (200, None)
        assert asked(second) == (503, "2")
        second.close()
        wait_until(lambda: asked(first) == (200, None))
        first.close()


def asked(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    connection.request("GET", "/health/live")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["retry-after"]
