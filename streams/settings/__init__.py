"""Settings: one frozen value, read from the environment once, and the journeys that it names."""
