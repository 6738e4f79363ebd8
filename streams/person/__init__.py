"""One person: what is stored about them, what Kafka holds, and the requests about who is who."""
