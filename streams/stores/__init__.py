"""The stores of states: one protocol, with Redis for production and memory for tests and trials."""
