"""Replay: recorded touchpoints put through the engine at once, reported, compared and explained."""
