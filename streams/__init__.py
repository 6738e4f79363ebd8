"""What moves: Kafka, Redis, Faust, HTTP, servers and the command line."""
