"""Recorded touchpoints, read from files and from Kafka's topics; also the rejected ones."""
