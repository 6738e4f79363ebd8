"""Vendors' SDKs as tables: which event of each becomes which touchpoint."""
