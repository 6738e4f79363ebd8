"""Doors for vendors' SDKs: requests as their libraries send them, and the answers that those expect."""
