"""What the short profile leaves out: `FAULTS=long` runs the alerts too (docs/alerts.md), `NODE=yes` the SDKs."""

import os

# Four minutes of alerts in shrunk time, which want a machine to themselves: beside other tests a late scrape is news.
LONG = [] if os.environ.get("FAULTS") == "long" else ["test_alerts.py"]
# Libraries for browsers and Node want node, npm's registry and Chromium, which a machine with Python alone has not.
NODE = [] if os.environ.get("NODE") == "yes" else ["test_sdks.py", "test_vendors.py"]
collect_ignore = [*LONG, *NODE]
