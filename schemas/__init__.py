"""What travels: every message on every topic, as typed structures that import msgspec alone."""
