"""Tracking plans: what a source has promised to send, drafted from events and checked against them."""
