"""Requests that genuine SDKs have sent, recorded byte by byte, and who they are about."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.streams.collector.asking import Answer, Collector

RECORDED = Path(__file__).parent / "recorded"
KEYS = {"posthog": "wk_ph", "mixpanel": "wk_mx", "amplitude": "wk_am", "snowplow": "wk_sp"}
"""By vendor: the key that its recordings hold."""


def replay(collector: Collector, name: str, only: str = "") -> list[Answer]:
    """The answers to the requests of a recording, or to those whose path begins so."""
    lines = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    requests = [each for each in map(json.loads, lines) if each["path"].startswith(only)]
    return collector.ask_all([_request(each) for each in requests])


def _request(recorded: dict[str, Any]) -> tuple[str, bytes, dict[str, Any]]:
    body = base64.b64decode(recorded["base64"]) if "base64" in recorded else recorded["text"].encode()
    headers = {"content-type": "", **recorded["headers"]}
    return recorded["path"], body, {"method": recorded["method"], "headers": headers, "key": None}


def told(collector: Collector) -> list[str]:
    """What the touchpoints say of whom, in order: `Order Completed customer u-1 anonymous …`."""
    return [" ".join([event["type"], *_who(event["ids"])]) for event in collector.kept]


def _who(ids: dict[str, Any]) -> list[str]:
    plain = [
        f"{kind.removesuffix('_id')}={ids[kind]}"
        for kind in ("customer_id", "anonymous_id", "account_id")
        if kind in ids
    ]
    return [*plain, *(kind.removesuffix("_sha256") for kind in ("email_sha256", "phone_sha256") if kind in ids)]
