"""Libraries of PostHog, Mixpanel, Amplitude and Snowplow for Node and browsers, as their package managers give them.

`NODE=yes ./run test tests/integration/test_vendors.py` runs it: it wants node, npm with its registry, and Chromium.
"""

import json
import subprocess
import urllib.parse

import pytest

from tests.integration.browsing import PLAIN, browsing, origin, sdks
from tests.servers import wait_until
from tests.streams.collector.asking import Collector
from tests.streams.collector.living import living, require_readable
from tests.streams.collector.sdks.replaying import told

__all__ = ["origin", "sdks"]
pytestmark = [pytest.mark.integration, pytest.mark.slow]
VISITOR = "01a22518-abb7-7913-a08f-7702f1d13213"
STORIES = {
    "posthog": [
        f"Page Viewed anonymous={VISITOR}",
        f"Aliased customer=node-c anonymous={VISITOR}",
        "Order Completed customer=node-c",
    ],
    "mixpanel": [
        "Order Completed customer=node-c",
        "Aliased customer=node-c anonymous=node-a",
        "Identified customer=node-c email",
        "Old customer=node-c",
        "Listed customer=node-c",
    ],
    "amplitude": [
        "Order Completed customer=node-c anonymous=node-a",
        "Identified customer=node-c anonymous=node-a email",
        "revenue_amount customer=node-c anonymous=node-a",
    ],
    "snowplow": ["Page Viewed customer=node-c", "Order Completed customer=node-c"] * 2,
}
PAGES = {
    "posthog": {"Page Viewed", "Identified", "Order Completed"},
    "mixpanel": {"Page Viewed", "Identified", "Order Completed"},
    "amplitude": {"Page Viewed", "Identified", "Order Completed"},
    "snowplow": {"Page Viewed", "Order Completed"},
}


@pytest.mark.parametrize("vendor", STORIES)
def test_in_node(tmp_path, sdks, vendor) -> None:
    """A program with the library: no error is reported, and every call arrives once."""
    collector = Collector(tmp_path)
    with living(collector) as url:
        words = ["node", "vendors.mjs", vendor, url, collector.key]
        done = subprocess.run(words, cwd=sdks, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert told(collector) == STORIES[vendor]
    assert "example.com" not in json.dumps(collector.kept)
    require_readable(collector)


@pytest.mark.parametrize("vendor", PAGES)
def test_in_a_browser(tmp_path, origin, vendor) -> None:
    """A page of another origin with the library: the visitor and the customer are one, and the order arrives once."""
    collector = Collector(tmp_path, {"COLLECTOR_ORIGINS": origin})
    with living(collector) as url:
        asked = {"host": urllib.parse.urlsplit(url).netloc, "key": collector.key, "vendor": vendor}
        address = f"{origin}/vendors.html?{urllib.parse.urlencode(asked)}"
        with browsing(address, tmp_path / "profile", f"--user-agent={PLAIN}"):
            wait_until(lambda: {event["type"] for event in collector.kept} >= PAGES[vendor], 40)
    orders = [event for event in collector.kept if event["type"] == "Order Completed"]
    assert [(each["ids"]["customer_id"], each["properties"]["amount"]) for each in orders] == [("browser-c", 99.5)]
    assert len({event["ids"]["anonymous_id"] for event in collector.kept}) == 1
    require_readable(collector)
