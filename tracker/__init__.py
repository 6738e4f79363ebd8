"""What decides: definitions, engine, identity and plan, without socket, clock, environment or randomness."""
