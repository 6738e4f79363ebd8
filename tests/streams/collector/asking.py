"""Requests to the collector without a network, and the collector that answers them."""

import asyncio
import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.rejection import Rejection
from schemas.topics import REJECTED
from streams.clients.publisher import MemoryPublisher
from streams.collector import sources
from streams.collector.app import wire
from streams.settings import settings

HASH_KEY = "a key of the tests, long enough"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


@dataclass
class Collector:
    """A collector whose Kafka is a list, with one source `shop` and its key."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.publisher = MemoryPublisher()
        self.file = self.folder / "keys.json"
        self.key = self.add("shop", **self.rules)
        words = {
            "KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "COLLECTOR_KEYS": str(self.file),
            "TRACKER_HASH_KEY": HASH_KEY,
            **self.environ,
        }
        self.settings = settings.read(words)

    def add(self, name: str, *, browser: bool = False, **rules: Any) -> str:
        """The key of a source, which gets these rules."""
        rules = {name: str(value) if isinstance(value, Path) else value for name, value in rules.items()}
        made = sources.new(
            self.file, name, lambda before: msgspec.structs.replace(before, **rules), 0, lambda _book: browser
        )
        return made[0]

    def adopt(self, key: str, source: str = "shop") -> None:
        """Let a key that a recording holds open a source."""
        book = sources.load(self.file)
        book.keys.append(sources.WriteKey(f"k{len(book.keys)}", source, sources.hashed(key), sources.moment(0)))
        self.file.write_bytes(msgspec.json.encode(book))

    def ask(self, path: str, body: Any = None, **options: Any) -> Answer:
        """The answer to one request, with the key of `shop` unless another or none is given."""
        return self.ask_all([(path, body, options)])[0]

    def ask_all(self, requests: Iterable[tuple[str, Any, dict[str, Any]]]) -> list[Answer]:
        return asyncio.run(self._ask_all(requests))

    async def _ask_all(self, requests: Iterable[tuple[str, Any, dict[str, Any]]]) -> list[Answer]:
        self.wired = wire(self.settings, lambda: None, self.publisher)
        self.wired.delivery.start()
        try:
            return [await self.one(path, body, **options) for path, body, options in requests]
        finally:
            await self.wired.delivery.close()

    async def one(
        self,
        path: str,
        body: Any = None,
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        key: str | None = "",
        chunks: list[bytes] | None = None,
        client: str = "127.0.0.1",
        query: str = "",
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        chunks = [raw] if chunks is None else chunks
        fields = {"content-type": "application/json", **(headers or {})}
        if key is not None:
            fields.setdefault("authorization", basic(key or self.key))
        sent: list[dict[str, Any]] = []
        messages = iter([
            *({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks),
            {"type": "http.request", "body": b"", "more_body": False},
        ])  # fmt: skip

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        path, _, asked = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "root_path": "", "scheme": "http",
            "query_string": (query or asked).encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
            "client": (client, 1),
        }  # fmt: skip
        await self.wired.app(scope, receive, send)
        start, rest = sent[0], sent[1:]
        found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest))

    @property
    def messages(self) -> list[Any]:
        """What Kafka has."""
        return [message for batch in self.publisher.batches for message in batch.messages]

    @property
    def kept(self) -> list[dict[str, Any]]:
        """The touchpoints that Kafka has."""
        return [json.loads(message.value) for message in self.messages if message.topic != REJECTED]

    @property
    def rejections(self) -> list[Rejection]:
        """What Kafka has in the topic of rejections."""
        return [msgspec.json.decode(each.value, type=Rejection) for each in self.messages if each.topic == REJECTED]


def basic(key: str) -> str:
    """The header with a write key."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()
