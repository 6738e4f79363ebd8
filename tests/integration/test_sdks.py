"""Segment's and RudderStack's own libraries for browsers and Node, unchanged, as their package managers give them.

`NODE=yes ./run test tests/integration/test_sdks.py` runs it: it wants node, npm with its registry, and Chromium.
"""

import json
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from tests.integration.browsing import browsing, origin, sdks
from tests.servers import wait_until
from tests.streams.collector.asking import Collector
from tests.streams.collector.living import living, require_readable

__all__ = ["origin", "sdks"]
pytestmark = [pytest.mark.integration, pytest.mark.slow]
TYPES = ["Page Viewed", "Identified", "Order Completed", "Grouped", "Aliased"]


@pytest.fixture
def collector(tmp_path, origin) -> Collector:
    return Collector(tmp_path, {"COLLECTOR_ORIGINS": origin})


def require_story(kept: list[dict], customer: str, before: str) -> None:
    """The five calls, each once, as touchpoints with the ids that they carry."""
    assert sorted(event["type"] for event in kept) == sorted(TYPES)
    page, identified, order, grouped, aliased = (
        next(event for event in kept if event["type"] == type_) for type_ in TYPES
    )
    assert page["ids"].keys() == {"anonymous_id"}
    assert identified["ids"].keys() == {"customer_id", "anonymous_id", "email_sha256"}
    assert identified["ids"]["anonymous_id"] == page["ids"]["anonymous_id"]
    assert (order["channel"], order["properties"]) == ("shop", {"order_id": "17", "revenue": 99.5, "amount": 99.5})
    assert grouped["ids"]["account_id"] == "acme"
    assert (aliased["ids"]["customer_id"], aliased["ids"]["anonymous_id"]) == (customer, before)
    assert all(event["ids"]["customer_id"] == customer for event in (identified, order, grouped))
    assert "example.com" not in json.dumps(kept)


@pytest.mark.parametrize(
    ("page", "delivery"),
    [
        ("segment", {}),
        ("segment", {"strategy": "batching", "config": {"size": 10, "timeout": 500}}),
        ("rudder", {}),
        ("rudder", {"queueOptions": {"batch": {"enabled": True, "flushInterval": 500}}}),
        ("rudder", {"useBeacon": True, "beaconQueueOptions": {"flushQueueInterval": 500}}),
    ],
)
def test_in_a_browser(collector, origin, tmp_path, page, delivery) -> None:
    """A page with the library, opened in Chromium: one call a request, in batches, and by beacon."""
    with living(collector) as url:
        asked = {"host": urllib.parse.urlsplit(url).netloc, "key": collector.key, "delivery": json.dumps(delivery)}
        with browsing(f"{origin}/{page}.html?{urllib.parse.urlencode(asked)}", tmp_path / "profile"):
            wait_until(lambda: len(collector.messages) >= len(TYPES), 40)
    require_story(collector.kept, "browser-c", "browser-old")
    require_readable(collector)


@pytest.mark.parametrize(("program", "gzip"), [("segment", "true"), ("rudder", "true"), ("rudder", "false")])
def test_in_node(collector, sdks, program, gzip) -> None:
    """A program with the library: no error is reported, and every call arrives once."""
    with living(collector) as url:
        words = ["node", f"{program}.mjs", url, collector.key, gzip]
        done = subprocess.run(words, cwd=sdks, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {event["ids"].get("customer_id", "node-c") for event in collector.kept} == {"node-c"}
    assert sorted(event["type"] for event in collector.kept) == sorted(TYPES)
    require_readable(collector)


def test_asyncapi_is_valid_by_its_own_parser(sdks) -> None:
    """The published document has no errors and no warnings, and the channels that it should have."""
    document = Path(__file__).parents[2] / "schemas" / "published" / "asyncapi.yaml"
    words = ["node", "asyncapi.mjs", str(document)]
    done = subprocess.run(words, cwd=sdks, capture_output=True, text=True, timeout=60, check=True)
    report = json.loads(done.stdout)
    assert (report["version"], report["faults"]) == ("3.0.0", [])
    assert {"touchpoints.web", "touchpoints.rejected", "journey.transitions"} <= set(report["channels"])
