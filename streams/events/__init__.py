"""Recorded touchpoints, read back: from files and from Kafka's topics, the rejected ones among them."""
