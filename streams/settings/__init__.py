"""Settings: one frozen value, read from the environment once, and the journeys of the files that it names."""
