"""What the short profile leaves out: `FAULTS=long` runs it too (docs/alerts.md)."""

import os

# Three minutes of alerts in shrunk time, which want a machine to themselves: beside other tests a late scrape is news.
collect_ignore = [] if os.environ.get("FAULTS") == "long" else ["test_alerts.py"]
