"""The collector under load."""
