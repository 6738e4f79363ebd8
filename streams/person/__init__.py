"""One person: the data about them in Redis and Kafka, and requests to link, cut and erase names."""
