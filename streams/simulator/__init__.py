"""Simulated customers: a known stream of touchpoints, and the truth about it."""
