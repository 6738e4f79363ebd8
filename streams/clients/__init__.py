"""Clients of Kafka and Redis: how they are opened, what their failures mean, and what is published through them."""
