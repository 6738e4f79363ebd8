"""Torture: real servers, real workers, faults on purpose, and a verdict by a model that shares no code with them."""
