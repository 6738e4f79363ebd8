"""Access: the users of Kafka and Redis by role, what each may do, and the files of their passwords."""
