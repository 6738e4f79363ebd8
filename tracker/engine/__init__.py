"""The engine: a customer's state as a fold over the set of their touchpoints."""
