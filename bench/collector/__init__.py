"""What the collector can take."""
