"""Connections: uvicorn's, with limits that it lacks. A sender of a slow or endless head is cut off."""

import asyncio
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.collector.problems import unavailable

HEAD_WITHIN_S: Final = 10.0
MAX_HEAD_BYTES: Final = 16 * 1024
MOST_CONNECTIONS: Final = 2_000
"""The limit of one process."""


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
    most_connections = MOST_CONNECTIONS

    def connection_made(self, transport: Any) -> None:
        """A sender has connected."""
        super().connection_made(transport)
        self._in_head = True
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender has gone."""
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
        """The head is complete. Above the limit of connections the request is answered 503."""
        self._met()
        self._in_head = False
        usual = self.app
        if len(self.connections) > self.most_connections:
            self.app = busy
        super().on_headers_complete()
        self.app = usual

    def on_message_complete(self) -> None:
        """The request is complete; the next bytes are a head."""
        super().on_message_complete()
        self._met()
        self._in_head, self._head_bytes = True, 0

    def on_response_complete(self) -> None:
        """The answer is sent. The rest of the request, if any, must arrive in the time allowed for a head."""
        super().on_response_complete()
        if not self._in_head:
            self._expect()

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
