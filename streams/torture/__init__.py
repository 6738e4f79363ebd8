"""Torture: real servers and workers with injected faults, and a verdict by a model that shares no code with them."""
