"""Tracking plans: what a source has promised to send; they are drafted from events and check events."""
