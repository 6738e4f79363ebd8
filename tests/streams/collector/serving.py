"""A collector as a process of its own, and producers that put it under load."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any, Self

from streams.clients import topic_shapes
from streams.servers import ports
from streams.settings import settings
from tests.servers import wait_until
from tests.streams.collector.asking import HASH_KEY, basic


class Served:
    """`tracker collector` on a port of its own, with one source."""

    def __init__(self, folder: Path, bootstrap: str, *words: str, **environ: str) -> None:
        self.port, self.metrics_port = ports.free_port(), ports.free_port()
        self._words = words
        self.environ = {
            **os.environ,
            "KAFKA_BOOTSTRAP": bootstrap,
            "COLLECTOR_KEYS": str(folder / "keys.json"),
            "TRACKER_HASH_KEY": HASH_KEY,
            "COLLECTOR_PORT": str(self.port),
            "COLLECTOR_METRICS_PORT": str(self.metrics_port),
            "COLLECTOR_CONFIRM_S": "2",
            "TRACKER_LOG_LEVEL": "warning",
            **environ,
        }
        self.log = folder / "log"
        topic_shapes.create(settings.read(self.environ))
        self.key = self.tracker("keys", "new", "shop").strip()
        self.process: subprocess.Popen[bytes]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tracker(self, *words: str) -> str:
        """The output of a command."""
        done = subprocess.run(
            [sys.executable, "-m", "streams", *words], env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, ready: int = 200) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "streams", "collector", *self._words]
            self.process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
        wait_until(lambda: self.status("/health/ready") == ready)

    def kill9(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def status(self, path: str, body: Any = None) -> int:
        """The status of an answer; 0: none came."""
        return self._answer(path, body)[0]

    def said(self, path: str, body: Any = None) -> Any:
        """What an answer says; None: none came."""
        return self._answer(path, body)[1]

    def _answer(self, path: str, body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            return ask(connection, self.key, path, body)
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()


def ask(connection: http.client.HTTPConnection, key: str, path: str, body: Any = None) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    packed = {"Content-Encoding": "gzip"} if raw and raw.startswith(b"\x1f\x8b") else {}
    headers = {"Authorization": basic(key), "Content-Type": "application/json", **packed}
    connection.request("GET" if raw is None else "POST", path, raw, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


class Pressure:
    """Producers that send one touchpoint after the other, each once, and keep the answers."""

    def __init__(self, served: Served, producers: int = 8, batch: int = 1, size: int = 0) -> None:
        """Each request has `batch` touchpoints, larger by `size` bytes than they must be."""
        self._served = served
        self._batch = batch
        self._size = size
        self._numbers = count()
        self._ended = threading.Event()
        self.answers: dict[str, int] = {}
        self.longest_s = 0.0
        self._threads = [threading.Thread(target=self._send) for _ in range(producers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def accepted(self) -> set[str]:
        """Ids of the events that were answered with 2xx."""
        return {event_id for event_id, status in dict(self.answers).items() if status == 200}

    def _send(self) -> None:
        while not self._ended.is_set():
            event_id = f"e{next(self._numbers)}"
            event = {
                "event_id": event_id, "type": "Page Viewed", "channel": "web", "occurred_at": 1_790_000_000_000,
                "ids": {"customer_id": event_id}, "properties": {"a": "x" * self._size},
            }  # fmt: skip
            began_s = time.monotonic()
            body = event if self._batch == 1 else [event] * self._batch
            status = self.answers[event_id] = self._served.status("/v1/touchpoints", body)
            self.longest_s = max(self.longest_s, time.monotonic() - began_s)
            if status != 200:
                time.sleep(0.02)
