"""Clients of Kafka and Redis: opening them, translating their failures, and publishing through them."""
