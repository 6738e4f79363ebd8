"""Replay: recorded touchpoints folded at once, and the results reported, compared and explained."""
