"""A proxy before a server: its address stays while what lies behind it changes, and it may hold answers back."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

from streams.servers import ports

PIECE = 1 << 16


class Proxy:
    """Passes connections on to a port; ends with the `with` statement.

    `late_s` is called for each piece of an answer and says how long to hold it back.
    """

    def __init__(self, port: int) -> None:
        self.late_s: Callable[[], float] = lambda: 0.0
        self._behind = port
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server((ports.LOOPBACK, 0), backlog=128)
        self.url = f"redis://{ports.LOOPBACK}:{self._listener.getsockname()[1]}/0"
        """The address of a Redis behind it."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def lead_to(self, port: int) -> None:
        """From now on to another port: connections that are open break, as in a fail-over."""
        self._behind = port
        self.cut()

    def cut(self) -> None:
        """Break every connection that is open."""
        for pair in list(self._pairs):
            self._part(pair)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread in `accept` is woken by a shutdown, and not by a close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((ports.LOOPBACK, self._behind), 2)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = client, server
            self._pairs.add(pair)
            for side in client, server:
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass, args=(client, server, pair), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, pair), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        is_answer = source is pair[1]
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if is_answer and (late_s := self.late_s()):
                    time.sleep(late_s)
                sink.sendall(piece)
        self._part(pair)

    def _part(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self._pairs.discard(pair)
        for side in pair:
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
