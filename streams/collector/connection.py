"""Connections: uvicorn's, with limits that it lacks. A sender of a slow or endless head is cut off.

Whoever opens many connections gets no more of them than others: at the bounds, the one that has rested longest makes
room for the one that comes, first among those of the same address.
"""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, ClassVar, Final, Protocol

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.collector.problems import unavailable

HEAD_WITHIN_S: Final = 10.0
MAX_HEAD_BYTES: Final = 16 * 1024
MOST_CONNECTIONS: Final = 2_000
"""The limit of one process."""
MOST_OF_ONE: Final = 256
"""The limit of one address in one process: an office behind one address, whose browsers keep a few each."""
SLACK: Final = 32
"""Connections beyond a bound that still get an answer, 503. More of them are closed at once."""
NETWORK_BITS: Final = 64
"""Whoever has an address of IPv6 has all that begin with these bits, so they count as one."""
BEHIND_PROXY_S: Final = 65
"""Longer than the 60 s after which most load balancers close an idle connection. If the collector closed first, a
request could be lost on the way."""


class Resting(Protocol):
    """A connection that can be asked to make room while no request is under way."""

    def make_room(self) -> None:
        """Close it."""


class _Senders:
    """The connections of one address: how many, and which of them rest, those that rest longest first."""

    __slots__ = ("count", "is_proxy", "resting")

    def __init__(self, *, is_proxy: bool) -> None:
        self.count = 0
        self.is_proxy = is_proxy
        self.resting: dict[Resting, None] = {}


class Crowd:
    """The open connections of one process, by address."""

    def __init__(
        self, most: int = MOST_CONNECTIONS, most_of_one: int = MOST_OF_ONE, proxies: Iterable[str] = ()
    ) -> None:
        """`proxies`: addresses behind which many senders stand; they have no bound of their own."""
        self._most = most
        self._most_of_one = most_of_one
        self._proxies = tuple(ip_network(each, strict=False) for each in proxies)
        self._senders: dict[str, _Senders] = {}
        self._places: dict[Resting, str] = {}

    def enter(self, connection: Resting, host: str) -> bool:
        """Count a connection; at a bound another one makes room for it. Whether it may stay at all."""
        name = self._name(host)
        senders = self._senders.get(name)
        if senders is None:
            senders = self._senders[name] = _Senders(is_proxy=self.is_proxy(host))
        senders.count += 1
        self._places[connection] = name
        if self._is_full(senders):
            self._make_room(senders)
        elif len(self._places) > self._most and (largest := self._largest()):
            self._make_room(largest)
        senders.resting[connection] = None
        return len(self._places) <= self._most + SLACK and not self._is_full(senders, SLACK)

    def leave(self, connection: Resting) -> None:
        """Count a connection out; once is enough."""
        name = self._places.pop(connection, None)
        if name is not None:
            senders = self._senders[name]
            senders.resting.pop(connection, None)
            senders.count -= 1
            if senders.count == 0:
                del self._senders[name]

    def rest(self, connection: Resting) -> None:
        """No request of the connection is under way any more."""
        if (name := self._places.get(connection)) is not None:
            resting = self._senders[name].resting
            resting.pop(connection, None)
            resting[connection] = None

    def work(self, connection: Resting) -> None:
        """A request of the connection is under way."""
        if (name := self._places.get(connection)) is not None:
            self._senders[name].resting.pop(connection, None)

    def has_room(self, connection: Resting) -> bool:
        """Whether no bound is exceeded that concerns the connection."""
        name = self._places.get(connection)
        return name is not None and len(self._places) <= self._most and not self._is_full(self._senders[name])

    def is_proxy(self, host: str) -> bool:
        """Whether many senders stand behind the address: a named proxy, or a socket without addresses."""
        address = _address(host)
        return address is None or any(address in network for network in self._proxies)

    def _is_full(self, senders: _Senders, slack: int = 0) -> bool:
        return not senders.is_proxy and senders.count > self._most_of_one + slack

    def _largest(self) -> _Senders | None:
        """Who has the most connections, of those who have one at rest; a proxy only where there is nobody else."""
        able = [each for each in self._senders.values() if each.resting]
        return max(able, key=lambda each: (not each.is_proxy, each.count), default=None)

    def _make_room(self, senders: _Senders) -> None:
        if (longest := next(iter(senders.resting), None)) is not None:
            self.leave(longest)
            longest.make_room()

    @staticmethod
    def _name(host: str) -> str:
        address = _address(host)
        return str(ip_network((address, NETWORK_BITS), strict=False)) if isinstance(address, IPv6Address) else host


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


async def busy(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers 503 where too many connections are open."""
    refused = unavailable("Too many connections are open; try again.")
    fields = {**refused.headers, "connection": "close", "content-type": "application/json"}
    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.body("")})


class BoundedConnection(HttpToolsProtocol):
    """One connection. The head of a request must be small and in time, as must the rest after an early answer."""

    head_within_s = HEAD_WITHIN_S
    crowd: ClassVar[Crowd] = Crowd()

    def connection_made(self, transport: Any) -> None:
        """A sender has connected."""
        super().connection_made(transport)
        self._in_head = True
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        host = self.client[0] if self.client else ""
        self._came_beyond = True
        if not self.crowd.enter(self, host):
            transport.abort()
            return
        self._came_beyond = not self.crowd.has_room(self)
        if self.crowd.is_proxy(host):
            self.timeout_keep_alive = max(self.timeout_keep_alive, BEHIND_PROXY_S)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender has gone."""
        self.crowd.leave(self)
        self._met()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived. While a head is incomplete they are counted before more are parsed."""
        if self._in_head:
            if self._head_bytes > MAX_HEAD_BYTES:
                self._cut(b"431 Request Header Fields Too Large")
                return
            self._head_bytes += len(data)
            self._expect()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._named_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request's path; an error here is answered 400 by uvicorn."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is complete; an error here is answered 400 by uvicorn."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete. On a connection beyond a bound the request is answered 503."""
        self._met()
        self._in_head = False
        self.crowd.work(self)
        usual = self.app
        if self._came_beyond:
            self._came_beyond = not self.crowd.has_room(self)
            self.app = busy if self._came_beyond else usual
        super().on_headers_complete()
        self.app = usual

    def on_message_complete(self) -> None:
        """The request is complete; the next bytes are a head."""
        super().on_message_complete()
        self._met()
        self._in_head, self._head_bytes = True, 0
        self._rest()

    def on_response_complete(self) -> None:
        """The answer is sent. The rest of the request, if any, must arrive in the time allowed for a head."""
        super().on_response_complete()
        if not self._in_head:
            self._expect()
        self._rest()

    def make_room(self) -> None:
        """Close, so that another connection has room."""
        self.transport.close()

    def _rest(self) -> None:
        cycle: Any = self.cycle  # None before the first request
        if self._in_head and not self.pipeline and (cycle is None or cycle.response_complete):
            self.crowd.rest(self)

    def _count(self, size: int) -> None:
        self._named_bytes += size
        if self._named_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head of the request is too large")

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_within_s, self._cut, b"408 Request Timeout")

    def _met(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self, status: bytes) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
