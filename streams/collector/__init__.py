"""The collector: the front door for producers that speak HTTP. 2xx means that the broker has it."""
