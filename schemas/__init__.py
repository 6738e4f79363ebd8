"""The messages on every topic, as typed structures that import only msgspec."""
