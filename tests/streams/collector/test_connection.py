"""Bounds on connections; those on heads and slow senders are in tests/integration/test_collector_limits.py."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from urllib.parse import urlsplit

import pytest

from streams.collector.connection import SLACK, Crowd
from tests.servers import wait_until
from tests.streams.collector.asking import Collector, basic
from tests.streams.collector.living import living

FIRST, SECOND = "127.0.0.1", "127.0.0.2"


class Bounded:
    """A running collector, and connections to it from this machine's addresses."""

    def __init__(self, place: tuple[str, int], key: str, stack: ExitStack) -> None:
        self._place, self._key, self._stack = place, key, stack

    def idle(self, host: str) -> socket.socket:
        """A connection that has sent nothing."""
        return self._stack.enter_context(socket.create_connection(self._place, 10, (host, 0)))

    def connected(self, host: str) -> http.client.HTTPConnection:
        """A connection for requests."""
        connection = http.client.HTTPConnection(*self._place, timeout=10, source_address=(host, 0))
        self._stack.callback(connection.close)
        connection.connect()
        return connection

    def busy(self, host: str) -> socket.socket:
        """A connection whose request is under way: its body is not there yet."""
        made = self.idle(host)
        head = f"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(self._key)}\r\n"
        rest = "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"
        made.sendall((head + rest).encode())
        assert made.recv(100).startswith(b"HTTP/1.1 100")
        return made


@contextmanager
def bounded(folder, most_of_one: int, **environ: str) -> Iterator[Bounded]:
    """A collector that lets one address have so many connections."""
    collector = Collector(folder, {"COLLECTOR_ADDRESS_CONNECTIONS": str(most_of_one), **environ})
    with living(collector) as url, ExitStack() as stack:
        place = urlsplit(url)
        yield Bounded((str(place.hostname), int(place.port or 0)), collector.key, stack)


def asked(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    connection.request("GET", "/health/live")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["retry-after"]


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_too_many_busy_connections_are_answered_503(tmp_path) -> None:
    """Beyond the limit a connection gets 503 with Retry-After while no other one rests, and 200 once one has closed."""
    with bounded(tmp_path, 1) as collector:
        first = collector.busy(FIRST)
        assert asked(collector.connected(FIRST)) == (503, "2")
        first.close()
        assert wait_until(lambda: asked(collector.connected(FIRST)) == (200, None))


def test_the_one_that_rests_longest_makes_room(tmp_path) -> None:
    """At the limit of an address its connections that rest are closed, those that rest longest first."""
    with bounded(tmp_path, 2) as collector:
        first, second = collector.connected(FIRST), collector.connected(FIRST)
        assert asked(second) == asked(first) == (200, None)
        assert asked(collector.connected(FIRST)) == (200, None)
        assert is_closed(second.sock)
        assert asked(first) == (200, None), "it has rested for a shorter time"


def test_thousands_of_idle_connections_of_one_address_starve_nobody(tmp_path) -> None:
    """However many connections one address opens and leaves idle, others are answered, and so is itself."""
    with bounded(tmp_path, 64) as collector:
        other = collector.connected(SECOND)
        for number in range(2_100):
            collector.idle(FIRST)
            if number % 300 == 0:
                assert asked(other) == (200, None)
        assert asked(collector.connected("127.0.0.3")) == asked(collector.connected(FIRST)) == asked(other)
        assert asked(other) == (200, None)


def test_busy_connections_of_one_address_starve_nobody(tmp_path) -> None:
    """An address whose connections are all busy is answered 503; others are not."""
    with bounded(tmp_path, 8) as collector:
        for _ in range(8):
            collector.busy(FIRST)
        beyond = [collector.connected(FIRST) for _ in range(SLACK)]
        assert asked(beyond[-1])[0] == 503
        assert asked(collector.connected(SECOND)) == (200, None)


def test_a_proxy_has_no_bound_of_its_own(tmp_path) -> None:
    """Behind a named proxy stand many senders."""
    with bounded(tmp_path, 2, COLLECTOR_PROXIES=FIRST) as collector:
        many = [collector.connected(FIRST) for _ in range(10)]
        assert [asked(each) for each in many] == [(200, None)] * 10


def test_who_rests_too_long_is_closed(tmp_path) -> None:
    """A connection may rest for so long as the setting says."""
    with bounded(tmp_path, 2, COLLECTOR_KEEP_ALIVE_S="1") as collector:
        connection = collector.connected(FIRST)
        assert asked(connection) == (200, None)
        assert is_closed(connection.sock)


class Held:
    """A connection of a crowd; `closed` in the order in which they made room."""

    def __init__(self, closed: list["Held"]) -> None:
        self._closed = closed

    def make_room(self) -> None:
        self._closed.append(self)


def test_at_the_limit_of_the_process_the_largest_makes_room() -> None:
    """Room is made by the address with the most connections, and by a proxy only where nobody else rests."""
    closed: list[Held] = []
    crowd = Crowd(6, 5, ["10.0.0.0/8"])
    proxied = [Held(closed) for _ in range(3)]
    large = [Held(closed) for _ in range(2)]
    single, new, last = Held(closed), Held(closed), Held(closed)
    for connection, host in [*((each, "10.0.0.1") for each in proxied), *((each, "192.0.2.1") for each in large)]:
        assert crowd.enter(connection, host)
    assert crowd.enter(single, "192.0.2.2") and closed == []
    assert crowd.enter(new, "192.0.2.3") and closed == large[:1]
    for each in (large[1], single, new):
        crowd.work(each)
    assert crowd.enter(last, "192.0.2.4") and closed == [large[0], proxied[0]]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_a_network_of_ipv6_is_one_address(one, other, together) -> None:
    """Who has one address of IPv6 has its whole network of 64 bits."""
    closed: list[Held] = []
    crowd = Crowd(10, 1)
    assert crowd.enter(Held(closed), one) and crowd.enter(Held(closed), other)
    assert len(closed) == together


def test_far_beyond_a_bound_nobody_may_stay() -> None:
    """Where all are busy, a few beyond the bound may ask for their 503; more are closed at once."""
    crowd = Crowd(100, 2)
    held = [Held([]) for _ in range(SLACK + 3)]
    stays = []
    for each in held:
        stays.append(crowd.enter(each, "192.0.2.1"))
        crowd.work(each)
    assert stays == [True] * (SLACK + 2) + [False]
    assert [crowd.has_room(each) for each in held[:1]] == [False]


def test_a_crowd_forgets_who_has_gone() -> None:
    """Nothing is kept of connections that are closed, however they went."""
    closed: list[Held] = []
    crowd = Crowd(3, 2)
    held = [Held(closed) for _ in range(20)]
    for number, each in zip(count(), held, strict=False):
        crowd.enter(each, f"192.0.2.{number % 5}")
        crowd.work(each) if number % 2 else crowd.rest(each)
    for each in held:
        crowd.leave(each)
        crowd.leave(each)
        crowd.rest(each)
    assert (crowd._places, crowd._senders) == ({}, {})
