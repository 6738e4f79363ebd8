"""Repartitioning: the states and topics move to another number of partitions."""
