"""Where states live: one protocol, Redis for production, memory for tests and trials."""
