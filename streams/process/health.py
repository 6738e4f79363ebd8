"""The pages of a process: /health, /health/live, /health/ready and /metrics, by default on loopback alone."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from streams.errors import ExitCode, TrackerError

Check = Callable[[], dict[str, object] | None]
"""None when the check passes, else what fails, as fields of the answer."""
Encode = Callable[[Any], bytes]
"""Encodes a collector's series as text for Prometheus or as OpenMetrics."""
Render = Callable[[Encode, str], bytes]
"""Returns the page for an encoder and its content type."""


class Pages:
    """An HTTP server with four pages; /health is the same as /health/ready, with details where there are any."""

    def __init__(
        self,
        live: Check,
        ready: Check,
        registry: CollectorRegistry,
        port_variable: str = "TRACKER_HTTP_PORT",
        render: Render | None = None,
        details: Callable[[], dict[str, object]] = dict,
    ) -> None:
        """`render` makes the /metrics page; without it, the whole registry is encoded at each scrape.

        `details` are further fields of /health, whether all is well or not.
        """
        self._details = details
        self._checks = {"/health/live": live, "/health/ready": ready, "/health": ready}
        self._render = render or (lambda encode, _content_type: encode(registry))
        self._port_variable = port_variable
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chooses where `port` is 0. Raises TrackerError, PORT_IN_USE."""
        app = web.Application()
        for path in self._checks:
            app.router.add_get(path, self._health)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise TrackerError(
                f"Port {port} on {host} cannot be listened on: {error.strerror or error}.",
                f"Choose another with {self._port_variable}, or 0 for any free one.",
                ExitCode.PORT_IN_USE,
            ) from error
        chosen: int = self._runner.addresses[0][1]
        return chosen

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        trouble = self._checks[request.path]()
        body = {"status": "ok"} if trouble is None else {"status": "not ok", **trouble}
        if request.path == "/health":
            body |= self._details()
        return web.json_response(body, status=200 if trouble is None else 503, dumps=json.dumps)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=self._render(encode, content_type), headers={"Content-Type": content_type})
