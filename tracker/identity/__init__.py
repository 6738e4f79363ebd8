"""Identity: which aliases are one customer, how that is agreed between partitions, accounts and erasure."""
