"""The worker: partition batches from Kafka through the plan into Redis and on to Kafka."""
