"""Requests and events a second, single and in batches, with p99: the collector beside a bare route that only parses.

`python -m bench.collector.press` starts Kafka, one collector process and the bare route, and loads them in turn for
several rounds, so that other load on the machine affects both alike.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import psutil
import uvloop

from streams.clients import topic_shapes
from streams.servers import Servers, ports
from streams.settings import settings

SECONDS: Final = 3.0
ROUNDS: Final = 3


class Load(NamedTuple):
    """One kind of load."""

    name: str
    path: str
    events: int
    connections: int


LOADS: Final = (Load("single", "/v1/track", 1, 32), Load("batch of 100", "/v1/batch", 100, 8))


class Figure(NamedTuple):
    """The figures of one round."""

    requests_per_s: float
    events_per_s: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server's process for one event; it does not depend on other load."""


def call(number: int) -> dict[str, object]:
    """A call of about 500 bytes."""
    return {
        "type": "track",
        "event": "Product Added",
        "userId": f"customer-{number % 100_000:07d}",
        "anonymousId": f"a-{number % 100_000:07d}",
        "messageId": f"message-{number:012d}",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "properties": {"product_id": "sku-17", "name": "A chair", "price": 99.5, "currency": "EUR", "quantity": 1},
        "context": {"library": {"name": "bench", "version": "1"}, "locale": "sv-SE", "campaign": {"name": "spring"}},
    }


def request(load: Load, key: str, number: int) -> bytes:
    """One request as it goes over the wire."""
    calls = [call(number * load.events + each) for each in range(load.events)]
    body = json.dumps(calls[0] if load.events == 1 else {"batch": calls}).encode()
    login = base64.b64encode(f"{key}:".encode()).decode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def press(load: Load, server: psutil.Process, port: int, key: str, seconds: float) -> Figure:
    """Send for a while on several connections, one request after the other on each."""
    prepared = [request(load, key, number) for number in range(400 if load.events == 1 else 50)]
    until, took_s = time.perf_counter() + seconds, []
    before_s = sum(server.cpu_times()[:2])

    async def one(offset: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = offset
        while time.perf_counter() < until:
            began_s = time.perf_counter()
            writer.write(prepared[number % len(prepared)])
            number += 1
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or b"rejected" in body:
                raise RuntimeError((head + body).decode())
            took_s.append(time.perf_counter() - began_s)
        writer.close()

    await asyncio.gather(*(one(number * 7) for number in range(load.connections)))
    took_s.sort()
    rate = len(took_s) / seconds
    cpu_us = (sum(server.cpu_times()[:2]) - before_s) * 1e6 / (len(took_s) * load.events)
    return Figure(rate, rate * load.events, took_s[int(len(took_s) * 0.99)] * 1000, cpu_us)


def main() -> None:
    """Print a table."""
    with Servers(None, None) as servers, tempfile.TemporaryDirectory() as folder:
        bare_port, port = ports.free_port(), ports.free_port()
        environ = {
            **os.environ,
            "KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
            "COLLECTOR_KEYS": str(Path(folder) / "keys.json"),
            "TRACKER_HASH_KEY": "the key of a benchmark",
            "COLLECTOR_PORT": str(port),
            "COLLECTOR_METRICS_PORT": "0",
            # On a shared machine Kafka may be slow; the benchmark should measure that and not fail.
            "COLLECTOR_CONFIRM_S": "60",
            "COLLECTOR_KEY_EVENTS_PER_S": "10000000",
            "COLLECTOR_ADDRESS_REQUESTS_PER_S": "1000000",
        }
        topic_shapes.create(settings.read(environ))
        new = [sys.executable, "-m", "streams", "keys", "new", "bench"]
        key = subprocess.run(new, env=environ, capture_output=True, text=True, check=True).stdout.strip()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        words = [
            [sys.executable, "-m", "streams", "collector"],
            [sys.executable, "-m", "bench.collector.bare", str(bare_port)],
        ]
        processes = [subprocess.Popen(each, env=environ, **quiet) for each in words]
        try:
            time.sleep(5)
            collector, bare = (psutil.Process(process.pid) for process in processes)
            compare({"bare route": (bare, bare_port), "collector": (collector, port)}, key)
        finally:
            for process in processes:
                process.terminate()
                process.wait()


def compare(servers: dict[str, tuple[psutil.Process, int]], key: str) -> None:
    """Press both in turn and print the medians."""
    print(f"{'':14}{'':12}{'requests/s':>12}{'events/s':>12}{'p99 ms':>10}{'CPU us/event':>14}")
    for load in LOADS:
        found: dict[str, list[Figure]] = {name: [] for name in servers}
        for name, (process, port) in [*servers.items()] * ROUNDS:
            found[name].append(uvloop.run(press(load, process, port, key, SECONDS)))
        for name, figures in found.items():
            middle = Figure(*(median(column) for column in zip(*figures, strict=True)))
            rates = f"{middle.requests_per_s:12,.0f}{middle.events_per_s:12,.0f}"
            print(f"{load.name:14}{name:12}{rates}{middle.p99_ms:10.1f}{middle.cpu_us:14.1f}")


if __name__ == "__main__":
    main()
